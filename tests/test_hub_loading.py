"""Loading weights and data from a Hub on the loopback, and what is said when it goes wrong."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from drawn_faces import celeba_row, draw_face, draw_folder, write_parquet
from hub_clients import (
    LOAD,
    Output,
    client_environment,
    files_of,
    fingerprint,
    finish_client,
    random_editor,
    run_client,
    start_client,
)
from loopback_hub import LoopbackHub

from expressions.images import crop_face
from expressions.training.config import DataOptions
from expressions.training.data import load_faces

pytestmark = pytest.mark.slow

ALICE, STRANGER = "hf_aliceMayWrite", "hf_nobodyKnowsMe"
CLOSED = "http://127.0.0.1:9"  # the discard port, which nobody serves

PICTURES = ["0.png", "my_train_1.png", "2 [test].png", "val/3.png"]  # names by which `datasets` would divide them
LABELS = [0, 1, 1, 0]

# Loads each [source, split, options] as faces; gives their digests or the message of the error. The option `login`
# stands for the environment's token.
LOAD_FACES = """
import hashlib, json, os, sys, traceback
from expressions.training.config import DataOptions
from expressions.training.data import DataError, load_faces

answers = []
for source, split, options in json.loads(sys.argv[1]):
    os.environ.pop("HF_TOKEN", None)
    if "login" in options:
        os.environ["HF_TOKEN"] = options.pop("login")
    try:
        attributes = options.pop("attributes", [])
        faces = load_faces(DataOptions(data=source, **options), split, attributes=attributes)
        content = faces.images.numpy().tobytes() + faces.labels.numpy().tobytes()
        answers.append(hashlib.sha256(content).hexdigest())
    except DataError as error:
        traceback.print_exc()
        answers.append(str(error))
print(json.dumps(answers))
"""


@dataclass
class Answers:
    """What clients said, by case, and all that they wrote."""

    said: dict[str, str]
    text: str


def ask(script: str, environment: Mapping[str, str], cases: Mapping[str, Any]) -> Answers:
    return answers(cases, run_client(script, environment, list(cases.values())))


def answers(cases: Mapping[str, Any], output: Output) -> Answers:
    return Answers(dict(zip(cases, output.value, strict=True)), output.text)


# Weights from the Hub -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def editors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of three different editors."""
    names = ("whole", "interrupted", "truncated")
    return {name: files_of(random_editor(seed), tmp_path_factory.mktemp(name)) for seed, name in enumerate(names)}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in CelebA's schema."""
    folder = tmp_path_factory.mktemp("drawn")
    write_parquet(folder, "train", [celeba_row(index) for index in range(6)])
    write_parquet(folder, "valid", [celeba_row(index) for index in range(6, 10)])
    return folder


@pytest.fixture(scope="module")
def hub(editors: dict[str, dict[str, bytes]], drawn: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        hub.add_user("alice", ALICE)
        for name, files in editors.items():
            hub.put("models", f"alice/{name}", files)
        weights = "model.safetensors"
        hub.cut(editors["interrupted"][weights], at=1_000_000, times=1)
        hub.cut(editors["truncated"][weights], at=1_000_000, times=1000)
        hub.put("models", "alice/secret", editors["whole"], private=True)
        hub.put("models", "alice/gated", editors["whole"], gated=True)
        hub.put("models", "alice/bare", {weights: editors["whole"][weights]})
        data = {str(path.relative_to(drawn)): path.read_bytes() for path in drawn.rglob("*.parquet")}
        hub.put("datasets", "alice/drawn-celeba", data)
        folder = drawn.with_name("pictures")
        draw_folder(folder, PICTURES, Smiling=LABELS)
        pictures = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
        hub.put("datasets", "alice/pictures", pictures, private=True)
        hub.put("datasets", "alice/folders", {f"train/{name}": content for name, content in pictures.items()})
        hub.put("datasets", "alice/secret-celeba", data, private=True)
        yield hub


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the client that loads weights; its cache serves the clients without a Hub."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def loaded(hub: LoopbackHub, home: Path) -> Answers:
    cases = {
        "whole": ("alice/whole", {}),
        "interrupted": ("alice/interrupted", {}),
        "truncated": ("alice/truncated", {}),
        "private": ("alice/secret", {"token": ALICE, "cache_dir": "private"}),
        "hidden": ("alice/secret", {}),
        "wrong token": ("alice/whole", {"token": STRANGER, "cache_dir": "empty"}),
        "broken token": ("alice/whole", {"token": f"{STRANGER}\nX-More: 1", "cache_dir": "empty"}),
        "gated": ("alice/gated", {}),
        "missing": ("alice/missing", {}),
        "missing, logged in": ("alice/missing", {"token": ALICE}),
        "no revision": ("alice/whole", {"revision": "v9"}),
        "no config": ("alice/bare", {}),
        "not cached": ("alice/whole", {"local_files_only": True, "cache_dir": "empty"}),
        "no folder": ("weights", {}),
    }
    return ask(LOAD, client_environment(hub.endpoint, home), cases)


@pytest.fixture(scope="module")
def unreachable(
    loaded: Answers, hub: LoopbackHub, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Answers]]:
    """Clients whose Hub does not answer; the client library waits half a minute, so all start at once."""
    assert loaded.said
    weights = {"cached": ("alice/whole", {}), "not cached": ("alice/other", {})}
    faces = {"faces": ("alice/drawn-celeba", "valid", {})}
    offline = {"HF_HUB_OFFLINE": "1"}
    clients: dict[str, tuple[dict[str, Any], subprocess.Popen[str]]] = {}
    for name, endpoint, variables in (("closed", CLOSED, {}), ("offline", hub.endpoint, offline)):
        environment = client_environment(endpoint, home, **variables)
        clients[name] = (weights, start_client(LOAD, environment, list(weights.values())))
        environment = client_environment(endpoint, tmp_path_factory.mktemp(name), **variables)
        clients[f"{name}, data"] = (faces, start_client(LOAD_FACES, environment, list(faces.values())))
    found: dict[str, Answers] = {}

    def answer(name: str) -> Answers:
        if name not in found:
            cases, client = clients[name]
            found[name] = answers(cases, finish_client(client))
        return found[name]

    yield answer
    for _, client in clients.values():
        if client.poll() is None:
            client.kill()
            client.communicate()


def test_an_editor_loads_from_a_public_repository(loaded: Answers) -> None:
    assert loaded.said["whole"] == fingerprint(random_editor(0))


def test_a_download_that_was_cut_is_tried_again_to_the_same_bits(
    hub: LoopbackHub, loaded: Answers, editors: dict[str, dict[str, bytes]]
) -> None:
    assert loaded.said["interrupted"] == fingerprint(random_editor(1))
    address = hashlib.sha256(editors["interrupted"]["model.safetensors"]).hexdigest()
    downloads = [line for line in hub.requests if line.startswith(f"GET /storage/{address}")]
    assert len(downloads) == 2


def test_a_private_repository_opens_with_its_owners_token(loaded: Answers) -> None:
    assert loaded.said["private"] == fingerprint(random_editor(0))


@pytest.mark.parametrize(
    ("case", "source", "reason"),
    [
        ("truncated", "'alice/truncated' on the Hub", "peer closed connection"),
        ("hidden", "'alice/secret' on the Hub", "there is no such repository, or it is private"),
        ("wrong token", "'alice/whole' on the Hub", "the Hub answered 401: Invalid credentials"),
        ("broken token", "'alice/whole' on the Hub", "the token is empty, or has spaces, line breaks"),
        ("gated", "'alice/gated' on the Hub", "the Hub answered 401: Access to model alice/gated is restricted"),
        ("missing", "'alice/missing' on the Hub", "there is no such repository, or it is private"),
        ("missing, logged in", "'alice/missing' on the Hub", "there is no such repository, or it is private"),
        ("no revision", "'alice/whole' at revision 'v9' on the Hub", "the Hub answered 404: Invalid rev id: v9"),
        ("no config", "'alice/bare' on the Hub", "it has no file config.json"),
        ("not cached", "'alice/whole' on the Hub", "Cannot find the requested files in the disk cache"),
        ("no folder", "'weights'", "there is no such folder, and it is not a Hub id of the form owner/name"),
    ],
)
def test_a_failed_load_says_in_one_sentence_what_and_why(loaded: Answers, case: str, source: str, reason: str) -> None:
    message = loaded.said[case]
    assert message.startswith(f"cannot load weights from {source}: {reason}")
    assert "\n" not in message


def test_no_token_appears_in_what_a_failing_client_writes(loaded: Answers) -> None:
    assert ALICE not in loaded.text
    assert STRANGER not in loaded.text


def test_offline_the_cache_serves_and_a_miss_is_explained(unreachable: Callable[[str], Answers]) -> None:
    said = unreachable("offline").said
    assert said["cached"] == fingerprint(random_editor(0))
    start = "cannot load weights from 'alice/other' on the Hub: "
    assert said["not cached"] == start + "the Hub's client is offline (HF_HUB_OFFLINE is set)"


# Faces from the Hub -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def faces(hub: LoopbackHub, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    options, smiling = {"attributes": ["Smiling", "Male"]}, {"attributes": ["Smiling"]}
    commit = hub.repositories["datasets", "alice/drawn-celeba"].branches["main"]
    cases = {
        "wrong login": ("alice/drawn-celeba", "valid", {"login": STRANGER}),  # first: nothing is in the cache
        "valid": ("alice/drawn-celeba", "valid", options),
        "pinned": ("alice/drawn-celeba", "validation", options | {"revision": commit}),
        "streamed": ("alice/drawn-celeba", "valid", options | {"streaming": True, "limit": 4}),
        "pictures": ("alice/pictures", "train", smiling | {"login": ALICE}),
        "streamed pictures": ("alice/pictures", "train", smiling | {"login": ALICE, "streaming": True, "limit": 4}),
        "streamed folder": ("alice/folders", "train", smiling | {"streaming": True, "limit": 4}),
        "no split": ("alice/drawn-celeba", "test", {}),
        "no column": ("alice/drawn-celeba", "valid", {"attributes": ["Smirking"]}),
        "no revision": ("alice/drawn-celeba", "valid", {"revision": "v9"}),
        "missing": ("alice/missing", "valid", {}),
        "hidden": ("alice/secret-celeba", "valid", {}),
        "private": ("alice/secret-celeba", "valid", options | {"login": ALICE}),
    }
    return ask(LOAD_FACES, client_environment(hub.endpoint, tmp_path_factory.mktemp("reader")), cases)


def test_faces_come_from_the_hub_as_from_the_folder(
    faces: Answers, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    copy = DataOptions(data=str(shutil.copytree(drawn, tmp_path / "copy")))
    local = load_faces(copy, "valid", attributes=["Smiling", "Male"])
    content = local.images.numpy().tobytes() + local.labels.numpy().tobytes()
    assert len(local) == 4
    assert local.labels[:, 0].tolist() == [False, True, False, True]
    assert faces.said["valid"] == hashlib.sha256(content).hexdigest()


def test_a_pinned_commit_and_a_stream_give_the_same_faces(faces: Answers) -> None:
    assert faces.said["pinned"] == faces.said["valid"]
    assert faces.said["streamed"] == faces.said["valid"]


@pytest.mark.parametrize("case", ["pictures", "streamed pictures", "streamed folder"])
def test_pictures_with_a_metadata_file_are_one_split_whatever_their_names(faces: Answers, case: str) -> None:
    images = [crop_face(draw_face(index, smiling=bool(label))).tobytes() for index, label in enumerate(LABELS)]
    assert faces.said[case] == hashlib.sha256(b"".join(images) + bytes(LABELS)).hexdigest()


def test_private_faces_open_with_their_owners_token(faces: Answers) -> None:
    assert faces.said["private"] == faces.said["valid"]
    assert ALICE not in faces.text
    assert STRANGER not in faces.text


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no split", "alice/drawn-celeba: no split 'test'; it has train, valid"),
        ("no column", "alice/drawn-celeba, split 'valid': no column Smirking; it has image, celeb_id"),
        ("no revision", "data: cannot open 'alice/drawn-celeba' on the Hub: Revision 'v9' doesn't exist"),
        ("missing", "data: cannot open 'alice/missing' on the Hub: Dataset 'alice/missing' doesn't exist on the Hub"),
        ("wrong login", "data: cannot open 'alice/drawn-celeba' on the Hub: "),
        ("hidden", "data: cannot open 'alice/secret-celeba' on the Hub: Dataset 'alice/secret-celeba' doesn't exist"),
    ],
)
def test_data_that_cannot_be_opened_are_named(faces: Answers, case: str, message: str) -> None:
    said = faces.said[case]
    assert "\n" not in said
    assert said.split(" (")[0].startswith(message)


def test_data_offline_are_said_to_be_so(unreachable: Callable[[str], Answers]) -> None:
    said = unreachable("offline, data").said["faces"]
    assert (
        said == "data: cannot open 'alice/drawn-celeba' on the Hub: the Hub's client is offline (HF_HUB_OFFLINE is set)"
    )


# A Hub that refuses the connection ----------------------------------------------------------------


def test_without_a_hub_the_cache_serves_and_a_miss_is_explained(unreachable: Callable[[str], Answers]) -> None:
    said = unreachable("closed").said
    assert said["cached"] == fingerprint(random_editor(0))
    start = f"cannot load weights from 'alice/other' on the Hub: {CLOSED} cannot be reached: "
    assert said["not cached"].startswith(start)
    assert "\n" not in said["not cached"]


def test_data_without_a_hub_are_said_to_be_out_of_reach(unreachable: Callable[[str], Answers]) -> None:
    said = unreachable("closed, data").said["faces"]
    assert said == f"data: cannot open 'alice/drawn-celeba' on the Hub: {CLOSED} cannot be reached"
