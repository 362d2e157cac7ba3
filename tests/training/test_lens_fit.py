import dataclasses
import json

import pytest
import torch
from drawn_faces import celeba_row, draw_face, encode, write_parquet
from torch.nn.functional import avg_pool2d, interpolate

from expressions.images import FRAME_SIZE
from expressions.networks.files import save_network
from expressions.networks.generator import Generator
from expressions.networks.lens import Lens, bicubic, load_lens
from expressions.training import fits, lens_fit
from expressions.training.backbone import Backbone
from expressions.training.data import DataError
from expressions.training.fits import PROGRESS
from expressions.training.lens_fit import LensConfig, distances, draw_fakes, fit_lens, reduced, run_lens, sharpest


class Edges(torch.nn.Module):
    """A backbone that sees differences of neighbours, and their means."""

    def forward(self, images):
        edges = images.diff(dim=3)[:, :, 1:]
        return [edges, avg_pool2d(edges, 2)]


@pytest.fixture(scope="module")
def backbone():
    return Backbone(Edges(), 64)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Options of a fit to drawn faces, and a generator that was never trained."""
    folder = tmp_path_factory.mktemp("lens")
    small = {"image": {"bytes": encode(draw_face(0).resize(FRAME_SIZE)), "path": None}}
    for split, count in (("train", 12), ("valid", 4)):
        rows = [celeba_row(index) for index in range(count)]
        write_parquet(folder / "mixed", split, [*rows, celeba_row(count, **small)])
        write_parquet(folder / "small", split, [celeba_row(index, **small) for index in range(count)])
    torch.manual_seed(0)
    save_network(Generator(width=1), folder / "generator.safetensors")
    return LensConfig(
        data=str(folder / "mixed"),
        generator=str(folder / "generator.safetensors"),
        out=str(folder / "out"),
        sharpest=1.0,
        batch_size=4,
        epochs=2,
        device="cpu",
        precision="fp32",
    )


def noise(count, side=16, seed=0):
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def test_what_was_enlarged_before_is_less_sharp_than_what_was_not():
    sharp, small = noise(4), noise(4, 8, seed=1).float()
    soft = interpolate(small, scale_factor=2, mode="bilinear").to(torch.uint8)
    mixed = torch.stack([soft, sharp], 1).flatten(0, 1)
    assert torch.equal(sharpest(mixed, 0.5), sharp)
    assert torch.equal(sharpest(mixed, 1.0), mixed)
    assert len(sharpest(mixed, 0.01)) == 1


def test_fakes_come_from_every_generator_at_half_of_the_side(options, monkeypatch):
    monkeypatch.setattr(lens_fit, "FAKES", 4)
    twice = dataclasses.replace(options, generator=f"{options.generator},{options.generator}")
    fakes = draw_fakes(twice)
    assert fakes.shape == (8, 3, 64, 64)
    assert torch.equal(fakes[:4], fakes[4:])
    small = draw_fakes(dataclasses.replace(options, side=64))
    assert small.shape == (4, 3, 32, 32)
    assert torch.equal(small, reduced(fakes[:4], 32))


def test_a_lens_comes_closer_to_true_faces_than_it_began(options, backbone, tmp_path):
    """Lines that alternate vanish in the means; a lens learns that they are there."""
    faces = noise(8, 1).clamp(60, 190).repeat_interleave(16, 2).repeat_interleave(16, 3)
    faces[:, :, ::2] += 60
    config = dataclasses.replace(options, epochs=20, feature_weight=0.0, patch_weight=0.0)
    lens = fit_lens(faces, noise(4, 8), backbone, config, tmp_path / PROGRESS)
    assert not lens.training
    assert distances(lens, faces, backbone)["psnr"] > distances(bicubic, faces, backbone)["psnr"] + 6


def test_true_faces_have_no_distance(backbone):
    faces = noise(2)
    assert distances(lambda _: faces / 127.5 - 1, faces, backbone) == {
        "psnr": pytest.approx(106, abs=0.1),
        "features": 0,
    }


def test_a_fit_that_was_stopped_ends_in_the_same_lens(options, backbone, tmp_path, monkeypatch):
    faces, fakes = noise(8), noise(4, 8, seed=1)
    whole = fit_lens(faces, fakes, backbone, options, tmp_path / "whole.pt")
    keep = fits.keep_progress

    def stop_after_one(*arguments):
        keep(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(fits, "keep_progress", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        fit_lens(faces, fakes, backbone, options, tmp_path / PROGRESS)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="was started with other data"):
        fit_lens(faces[1:], fakes, backbone, options, tmp_path / PROGRESS)
    resumed = fit_lens(faces, fakes, backbone, options, tmp_path / PROGRESS)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(whole.parameters(), Lens().parameters(), strict=True))


def test_a_fit_needs_one_batch(options, backbone, tmp_path):
    with pytest.raises(ValueError, match="at least one batch of 4 sharp faces, got 3"):
        fit_lens(noise(3), noise(4, 8), backbone, options, tmp_path / PROGRESS)


@pytest.mark.slow
def test_the_command_leaves_a_lens_and_its_distances(options, backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(lens_fit, "FAKES", 4)
    monkeypatch.setattr(lens_fit, "load_backbone", lambda *_: backbone)
    config = dataclasses.replace(options, out=str(tmp_path))
    assert "psnr_lens" in run_lens(config)
    assert load_lens(tmp_path / "lens.safetensors")(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 128, 128)
    report = json.loads((tmp_path / "distances.json").read_text())
    assert report["faces"] == 4  # the small frame is left out
    assert report["side"] == 128
    assert not (tmp_path / PROGRESS).exists()


def test_small_frames_alone_need_a_smaller_side(options, backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(lens_fit, "load_backbone", lambda *_: backbone)
    small = options.data.replace("mixed", "small")
    with pytest.raises(DataError, match="no picture of 178x218 pixels, of which a side of 128 can be cut: ask for 64"):
        run_lens(dataclasses.replace(options, data=small, out=str(tmp_path)))
