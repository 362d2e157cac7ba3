import hashlib

import torch
from safetensors.torch import load, save

from expressions.networks.files import digest, read_tensors, to_bytes

TENSORS = {"b": torch.arange(5, dtype=torch.float16), "a": torch.ones(2, 3)}
METADATA = {"z": "1", "attributes": '["Smiling"]', "y": "Ü", "format": "pt"}


def test_the_same_tensors_and_metadata_are_the_same_bytes_in_any_order():
    assert len({to_bytes(TENSORS, METADATA) for _ in range(20)}) == 1
    assert to_bytes(dict(reversed(TENSORS.items())), dict(reversed(METADATA.items()))) == to_bytes(TENSORS, METADATA)


def test_a_file_holds_its_tensors_its_metadata_and_its_licence(tmp_path):
    path = tmp_path / "network.safetensors"
    path.write_bytes(to_bytes(TENSORS, METADATA))
    tensors, metadata = read_tensors(path)
    assert all(torch.equal(tensors[name], load(path.read_bytes())[name]) for name in TENSORS)
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    licence = {"license": "celeba-non-commercial", "license_link": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"}
    assert metadata == METADATA | licence


def test_a_licence_changes_nothing_of_the_digest_of_a_network(tmp_path):
    for metadata in (None, {"attributes": '["Smiling"]'}):
        plain, licensed = tmp_path / "plain", tmp_path / "licensed"
        plain.write_bytes(save(TENSORS, metadata))
        licensed.write_bytes(to_bytes(TENSORS, metadata))
        assert plain.read_bytes() != licensed.read_bytes()
        assert digest(licensed) == digest(plain) == hashlib.sha256(plain.read_bytes()).hexdigest()
    licensed.write_bytes(to_bytes(TENSORS, {"attributes": '["Young"]'}))
    assert digest(licensed) != digest(plain)
