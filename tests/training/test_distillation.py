import copy
import dataclasses

import pytest
import torch

from expressions.attributes import SLIDERS
from expressions.images import to_unit
from expressions.networks.averaging import estimate_statistics
from expressions.networks.classifier import AttributeClassifier, predict
from expressions.networks.generator import Generator
from expressions.networks.precision import channels_last
from expressions.training import distillation
from expressions.training.distillation import DistillationConfig, distil, draw_faces

CONFIG = DistillationConfig(samples=256, epochs=6, batch_size=32, lr=2e-3, device="cpu", precision="fp32")


class Teacher(torch.nn.Module):
    """Scores how red and how green images (N, 3, 64, 64) are."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, images):
        red, green, blue = images.mean((2, 3)).unbind(1)
        return self.gain * torch.stack([red - blue, green - blue], 1)


def coloured(_generator, samples, seed):
    """Noise, every picture in a colour of its own."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.randint(100, (samples, 3, 64, 64), generator=random)
    return (noise + torch.randint(155, (samples, 3, 1, 1), generator=random)).to(torch.uint8)


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    network = channels_last(Generator(directions=len(SLIDERS))).eval().requires_grad_(False)
    estimate_statistics(network, torch.rand(250, 100) * 2 - 1)  # or all faces would be grey
    return network


@pytest.mark.slow
def test_the_student_learns_the_mean_of_its_teachers(generator, monkeypatch):
    monkeypatch.setattr(distillation, "draw_faces", coloured)
    pictures = coloured(None, 64, seed=9)
    mean = 2 * predict(Teacher(1), pictures)
    student = distil(AttributeClassifier(2), [Teacher(1), Teacher(3)], generator, CONFIG)
    miss = (predict(student, pictures) - mean).square().mean(0) / mean.var(0)
    assert miss.max() < 0.1  # 0.25 for either teacher, 1 for who knows no more than the mean picture
    assert not student.training


def test_the_same_options_give_the_same_student(generator, monkeypatch):
    monkeypatch.setattr(distillation, "draw_faces", coloured)
    start, config = AttributeClassifier(2), dataclasses.replace(CONFIG, samples=32, epochs=1)
    torch.manual_seed(1)
    first = distil(copy.deepcopy(start), [Teacher(1)], generator, config)
    torch.manual_seed(2)
    again = distil(copy.deepcopy(start), [Teacher(1)], generator, config)
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), again.parameters(), strict=True))


def test_half_of_the_faces_are_edits(generator):
    plain = Generator(directions=0).eval()
    plain.load_state_dict(generator.state_dict() | {"directions": torch.empty(0, 100)})
    edited, unedited = draw_faces(generator, 8, seed=1), draw_faces(plain, 8, seed=1)
    changes = (to_unit(edited) - to_unit(unedited)).abs().mean((1, 2, 3))
    assert (changes[1::2] > 0.01).all()
    assert (changes[0::2] < 0.01).all()


def test_the_same_seed_draws_the_same_faces(generator):
    assert torch.equal(draw_faces(generator, 4, seed=1), draw_faces(generator, 4, seed=1))
    assert not torch.equal(draw_faces(generator, 4, seed=1), draw_faces(generator, 4, seed=2))


@pytest.mark.slow
def test_a_batch_of_faces_or_more_is_drawn_with_its_own_statistics(generator):
    drawn = []
    for variance in (1.0, 9.0):
        network = copy.deepcopy(generator)
        network.layers[1].running_var.fill_(variance)
        drawn.append(draw_faces(network, 250, seed=1))
    assert torch.equal(*drawn)


def test_a_generator_that_draws_one_face_is_told(generator, monkeypatch):
    monkeypatch.setattr(distillation, "draw_faces", lambda *_: torch.zeros(8, 3, 64, 64, dtype=torch.uint8))
    with pytest.raises(ValueError, match="attribute 0 of every generated face alike"):
        distil(AttributeClassifier(2), [Teacher(1)], generator, CONFIG)
