import math

import pytest
import torch
from torch import nn

from expressions.attributes import CELEBA_ATTRIBUTES, COUPLED, SKIN_TONE, SLIDERS
from expressions.latents import to_normal
from expressions.training import edit_loss
from expressions.training.edit_loss import EditLoss

SIDE = 8  # of a patch


class Patches(nn.Module):
    """Reads each attribute from a patch of its own: 40 of the 64 patches of a picture."""

    def forward(self, images):
        return nn.functional.avg_pool2d(images.mean(1, keepdim=True), SIDE).flatten(1)[:, : len(CELEBA_ATTRIBUTES)]


def loss_with(classifiers=None):
    images = torch.randint(0, 256, (400, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = images.repeat_interleave(SIDE, 2).repeat_interleave(SIDE, 3)
    return EditLoss(classifiers or [Patches()], CELEBA_ATTRIBUTES, images)


@pytest.fixture
def loss(monkeypatch):
    """The loss, its networks shown what there is: a patch must not move."""
    monkeypatch.setattr(edit_loss, "mirror", lambda images, _rng: images)
    monkeypatch.setattr(edit_loss, "shift", lambda images, _pixels, _rng: images)
    return loss_with()


def rng():
    return torch.Generator().manual_seed(0)


def patch(name):
    row, column = divmod(CELEBA_ATTRIBUTES.index(name), 64 // SIDE)
    return slice(row * SIDE, (row + 1) * SIDE), slice(column * SIDE, (column + 1) * SIDE)


def grey_pairs(count=64):
    return torch.zeros(2 * count, 3, 64, 64)


def plan_of(count=64, **moved):
    amounts = torch.zeros(count, len(SLIDERS))
    for name, amount in moved.items():
        amounts[:, SLIDERS.index(name)] = amount
    return amounts


def change(images, loss, name, amount):
    """Move the score of an attribute by `amount` standard deviations in every edit."""
    rows, columns = patch(name)
    images[1::2, :, rows, columns] += amount * loss.deviation[0, CELEBA_ATTRIBUTES.index(name)]
    return images


def test_an_edit_that_does_what_it_should_costs_almost_nothing(loss):
    images = change(grey_pairs(), loss, "Bangs", 1.0)
    done, _ = loss(images, plan_of(Bangs=1.0), rng())
    omitted, _ = loss(grey_pairs(), plan_of(Bangs=1.0), rng())
    assert done < 0.1 * omitted


def test_what_an_edit_should_leave_alone_costs(loss):
    right = change(grey_pairs(), loss, "Bangs", 1.0)
    cost = {
        name: loss(change(right.clone(), loss, name, 1.0), plan_of(Bangs=1.0), rng())[0]
        for name in ("Male", "Blurry", "Receding_Hairline")
    }
    assert cost["Male"] > 3 * cost["Blurry"]  # who somebody is counts more
    assert "Receding_Hairline" in COUPLED["Bangs"]
    assert cost["Receding_Hairline"] == pytest.approx(loss(right, plan_of(Bangs=1.0), rng())[0].item(), rel=0.05)


def test_an_edit_is_not_asked_to_leave_the_scale(loss):
    column = CELEBA_ATTRIBUTES.index("Bangs")
    images = grey_pairs()
    rows, columns = patch("Bangs")
    images[:, :, rows, columns] = loss.high[0, column] * loss.deviation[0, column] + loss.mean[0, column]
    beyond, _ = loss(images, plan_of(Bangs=3.0), rng())
    back, _ = loss(images, plan_of(Bangs=-3.0), rng())
    assert beyond < 0.1 * back


def test_an_edit_that_moves_nothing_costs_what_it_changes(loss):
    same, _ = loss(grey_pairs(), plan_of(), rng())
    changed, _ = loss(change(grey_pairs(), loss, "Bangs", 1.0), plan_of(), rng())
    assert 0 < 2 * same < changed < math.inf


def test_each_of_several_classifiers_judges_a_share_of_the_pairs_on_its_own_scale(loss):
    seen = []

    class Louder(Patches):
        def forward(self, images):
            seen.append(len(images))
            return 3 * super().forward(images) + 1

    both = loss_with(classifiers=(Patches(), Louder()))
    seen.clear()
    images = change(grey_pairs(5), loss, "Bangs", 0.5)
    assert both(images, plan_of(5, Bangs=1.0), rng())[0].item() == pytest.approx(
        loss(images, plan_of(5, Bangs=1.0), rng())[0].item(), rel=0.01
    )
    assert seen == [4]  # two of five pairs


def test_the_second_figure_is_the_mean_change_of_a_pixel(loss):
    images = grey_pairs()
    images[1::2] += 0.25
    assert loss(images, plan_of(Male=1.0), rng())[1].item() == pytest.approx(0.25)


def test_a_change_outside_the_region_of_the_edited_attribute_weighs_four_times_one_inside(loss):
    mouth, ground = grey_pairs(), grey_pairs()
    mouth[1::2, :, 46:50, 28:36] += 0.25
    ground[1::2, :, 4:8, 28:36] += 0.25
    smile = plan_of(Smiling=1.0)
    assert loss(ground, smile, rng())[1].item() == pytest.approx(4 * loss(mouth, smile, rng())[1].item())
    both = plan_of(Smiling=1.0, Bangs=1.0)  # where either may change, it may
    assert loss(ground, both, rng())[1].item() == pytest.approx(loss(mouth, smile, rng())[1].item())


def test_one_large_change_costs_more_than_two_halves_of_it(loss):
    one, two = grey_pairs(), grey_pairs()
    change(one, loss, "Pointy_Nose", 2.0)
    change(change(two, loss, "Pointy_Nose", 1.0), loss, "Big_Nose", 1.0)
    edit = plan_of(Smiling=1.0)
    assert loss(one, edit, rng())[0] > loss(two, edit, rng())[0]


def test_a_face_and_its_edit_are_shown_alike():
    faces = torch.rand(16, 3, 64, 64, generator=rng()) * 2 - 1
    shown = edit_loss._shown(faces.repeat_interleave(2, 0), rng()).unflatten(0, (-1, 2))
    assert (shown[:, 0] - shown[:, 1]).abs().mean() < 0.1
    assert (shown[:, 0] - faces).abs().flatten(1).mean(1).median() > 0.3  # moved, most of them


def test_pairs_lie_side_by_side_and_differ_along_the_directions(loss):
    z = torch.rand(32, 100, generator=rng()) * 2 - 1
    directions = nn.functional.normalize(torch.randn(len(SLIDERS), 100, generator=rng()), dim=1)
    pairs, moved = loss.pair(z, directions, rng())
    assert torch.equal(pairs[0::2], z)
    assert torch.allclose(to_normal(pairs[1::2]) - to_normal(z), moved @ directions, atol=0.02)
    assert set((moved != 0).sum(1).tolist()) == {1, 2}
    assert moved.abs().max() <= 3.3


def test_light_pixels_count_as_skin_only_for_skin_tone(loss):
    names = [*CELEBA_ATTRIBUTES, SKIN_TONE, "L*", "a*", "b*"]
    held = dict(zip(SLIDERS, loss.holds, strict=True))
    assert held[SKIN_TONE][names.index("L*")] == 0
    assert held["Smiling"][names.index("L*")] > 0
