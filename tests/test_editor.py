"""The editor's public face, on one whose answers can be derived; test_embedded_weights.py has the published one."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from synthetic_editor import ATTRIBUTES, latent, random_chooser, synthetic_editor
from torch.nn.functional import avg_pool2d

from expressions.images import to_pil
from expressions.latents import draw_latents
from expressions.networks.lens import Lens

NAMES = (*ATTRIBUTES, "Skin_Tone")


@pytest.fixture(scope="module")
def editor():
    return synthetic_editor()


# Faces -----------------------------------------------------------------------------------------------


def test_one_seed_or_several_give_their_latents(editor):
    assert torch.equal(editor.latents([7, 8])[:1], editor.latents(7))
    assert torch.equal(editor.latents(np.arange(7, 9)), editor.latents(range(7, 9)))


def test_seeds_have_the_draws_that_the_chooser_takes_and_one_attempt_is_the_plain_draw():
    editor = synthetic_editor()
    assert torch.equal(editor.latents(range(50)), draw_latents(range(50)))  # weights without a chooser
    editor.chooser = random_chooser()
    assert torch.equal(editor.latents(range(50), attempts=1), draw_latents(range(50)))
    assert torch.equal(editor.latents(range(50), attempts=3), editor.chooser.choose(range(50), 3))
    assert torch.equal(editor.latents(range(50)), editor.chooser.choose(range(50), 8))
    assert torch.equal(editor.latents(range(50))[7:8], editor.latents(7))
    assert editor.latents([]).shape == (0, 100)
    first = next(seed for seed in range(50) if not torch.equal(editor.latents(seed), draw_latents([seed])))
    assert editor.render(first, attempts=1) != editor.render(first)


@pytest.mark.parametrize("attempts", [0, 9, 1.5, True, "8", None])
def test_attempts_that_are_none_are_refused(editor, attempts):
    with pytest.raises(ValueError, match="attempts must be a whole number from 1 to 8, got"):
        editor.latents([7], attempts)


@pytest.mark.parametrize("seeds", ["7", b"7", {7: 8}, None, 1.5, [True]])
def test_what_is_no_seed_is_refused(editor, seeds):
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to 4294967295, got"):
        editor.latents(seeds)


def test_no_seeds_give_no_faces(editor):
    assert editor.latents([]).shape == (0, 100)
    assert editor.synthesize(editor.latents([])).shape == (0, 3, 64, 64)
    assert editor.edit(editor.latents([]), {"Smiling": 90}).shape == (0, 100)
    assert editor.reach(editor.latents([]), "Smiling").shape == (0, 2)


@pytest.fixture(params=["no lens", "lens"])
def enlarging(request):
    """An editor with a lens that was never fitted, and draws all the same, or without one."""
    editor = synthetic_editor()
    if request.param == "lens":
        torch.manual_seed(0)
        editor.lens = Lens().requires_grad_(False)
        editor.lens.layers[-1].weight.normal_()
    return editor


def test_a_face_that_is_enlarged_and_reduced_has_the_same_values(enlarging):
    images = enlarging.synthesize(enlarging.latents([7, 8]))
    large = enlarging.enlarge(images)
    assert large.shape == (2, 3, 128, 128)
    assert large.abs().max() <= 1
    assert torch.allclose(avg_pool2d(large, 2), images, atol=1e-6)
    assert torch.allclose(enlarging.measure(avg_pool2d(large, 2)), enlarging.measure(images), atol=1e-3)
    assert enlarging.enlarge(images[:0]).shape == (0, 3, 128, 128)


def test_only_larger_pictures_are_seen_through_the_lens(enlarging):
    image = enlarging.synthesize(enlarging.latents([7]))
    face = to_pil(image[0])
    through = face if enlarging.lens is None else to_pil(enlarging.enlarge(image)[0])
    assert enlarging.render(7) == face
    for size in (32, 128, 200):
        picture = (face if size < 64 else through).resize((size, size), Image.Resampling.LANCZOS)
        assert enlarging.render(7, size=size).tobytes() == picture.tobytes()


@pytest.mark.parametrize("count", [0, 3])
def test_one_face_is_looked_at_a_time(editor, count):
    with pytest.raises(ValueError, match=rf"one latent, of shape \(1, 100\), got shape \({count}, 100\)"):
        editor.look(editor.latents(range(count)))


def test_a_rendered_picture_is_rgb_in_the_size_asked_for(editor):
    picture = editor.render(7, {"Smiling": 90.0})
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    assert editor.render(7, size=512).size == (512, 512)


@pytest.mark.parametrize("size", [0, 4097, 64.0, True, "64"])
def test_a_size_that_is_none_is_refused(editor, size):
    with pytest.raises(ValueError, match="size must be a whole number from 1 to 4096, got"):
        editor.render(7, size=size)


# Values ----------------------------------------------------------------------------------------------


def test_a_value_is_linear_between_the_ends_and_clipped_outside(editor):
    for shown, value in ((-10, 0), (0, 0), (35, 35), (100, 100), (110, 100)):
        z = latent(Smiling=shown)
        assert editor.measure(editor.synthesize(z))[0].tolist() == pytest.approx([value, *[50] * 5], abs=5)
        assert editor.look(z).values[0].item() == pytest.approx(shown, abs=1e-3)


def test_lighter_skin_has_more_skin_tone(editor):
    shown = [editor.look(latent(Skin_Tone=value)).values[-1].item() for value in (0, 30, 60, 100)]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == pytest.approx((0, 100), abs=0.01)


# Edits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [{"Smiling": 90}, {"Male": 20, "Skin_Tone": 80}, dict.fromkeys(NAMES, 70.0)])
def test_an_edit_shows_what_is_asked_and_leaves_the_rest(editor, targets):
    z = editor.latents(range(4))
    before, after = editor.measure(editor.synthesize(z)), editor.measure(editor.synthesize(editor.edit(z, targets)))
    for column, name in enumerate(NAMES):
        wanted = [targets[name]] * 4 if name in targets else before[:, column].tolist()
        assert after[:, column].tolist() == pytest.approx(wanted, abs=1)


def test_an_edit_without_targets_returns_z_bit_for_bit(editor):
    z = editor.latents(range(10))
    assert torch.equal(editor.edit(z, {}), z)
    face = editor.look(z[:1])
    assert torch.equal(editor.sketch(face, {}), face.z)
    assert editor.follow(face, {}) is face


def test_an_edit_is_the_same_alone_and_in_a_batch(editor):
    z = editor.latents(range(8))
    assert torch.equal(editor.edit(z, {"Smiling": 80.0})[7:], editor.edit(z[7:], {"Smiling": 80.0}))


def test_an_edit_works_without_gradients(editor):
    z = editor.latents([3])
    with torch.inference_mode():
        edited = editor.edit(z, {"Smiling": 80.0})
    assert torch.equal(edited, editor.edit(z, {"Smiling": 80.0}))


def test_gradients_pass_through_scores(editor):
    images = editor.synthesize(editor.latents(1)).requires_grad_()
    editor.scores(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_the_order_of_targets_does_not_matter_and_the_latents_given_are_left_alone(editor):
    z = editor.latents([3, 4])
    kept, one, other = z.clone(), {"Smiling": 80.0, "Young": 20.0}, {"Young": 20.0, "Smiling": 80.0}
    assert torch.equal(editor.edit(z, one), editor.edit(z, other))
    assert torch.equal(z, kept)


def test_reach_is_the_least_and_the_greatest_value_of_a_face():
    editor = synthetic_editor()
    editor.classifier.mixture *= 0.1  # 2 points for a unit of u, which moves by 6 at most
    reach = editor.reach(torch.cat([latent(), latent(Smiling=100)]), "Smiling")
    assert torch.allclose(reach, torch.tensor([[38.0, 62.0], [43.0, 67.0]]), atol=0.1)
    with pytest.raises(ValueError, match="name: unknown attribute 'Wings'"):
        editor.reach(latent(), "Wings")


# Checks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 100.5, "50", None, True])
def test_a_target_that_is_no_value_is_refused(editor, value):
    with pytest.raises(ValueError, match=r"targets\['Smiling'\] must be a number from 0 to 100, got"):
        editor.edit(editor.latents([1]), {"Smiling": value})


def test_targets_that_are_none_are_refused(editor):
    with pytest.raises(ValueError, match="targets must be values by name, .* got list"):
        editor.edit(editor.latents([1]), ["Smiling"])
    with pytest.raises(ValueError, match="targets: unknown attribute 'Wings'; choose from .*Smiling"):
        editor.render(1, {"Wings": 50})


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (torch.zeros(100), r"z must be .*\(N, 100\), got shape \(100,\)"),
        (torch.zeros(2, 99), r"got shape \(2, 99\)"),
        (torch.zeros(0, 5), r"got shape \(0, 5\)"),
        (torch.zeros(2, 100, dtype=torch.int64), "z must be a floating-point tensor.*int64"),
        (torch.full((1, 100), 1.5), "z must hold numbers from -1 to 1, got 1.5"),
        (torch.full((1, 100), math.nan), "got nan"),
        ([[0.0] * 100], "z must be a floating-point tensor.*got list"),
    ],
)
def test_latents_that_are_none_are_refused(editor, z, message):
    calls = (
        editor.synthesize,
        editor.look,
        lambda value: editor.edit(value, {"Smiling": 50}),
        lambda value: editor.reach(value, "Smiling"),
    )
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call(z)


def test_images_that_are_none_are_refused(editor):
    for call in (editor.measure, editor.enlarge, lambda images: editor.picture(images, 64)):
        with pytest.raises(ValueError, match=r"images must be .*\(N, 3, 64, 64\), got shape \(1, 3, 32, 32\)"):
            call(torch.zeros(1, 3, 32, 32))
        with pytest.raises(ValueError, match="images must hold numbers from -1 to 1, got 255"):
            call(torch.full((1, 3, 64, 64), 255.0))
