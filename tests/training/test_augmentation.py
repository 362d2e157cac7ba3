import torch

from expressions.training.augmentation import add_noise, mirror, relight, shift


def rng():
    return torch.Generator().manual_seed(0)


def test_about_half_of_the_images_are_mirrored_and_none_is_changed_otherwise():
    images = torch.rand(200, 3, 8, 8) * 2 - 1
    seen = mirror(images, rng())
    is_mirrored = (seen == images.flip(3)).flatten(1).all(1)
    assert 70 < is_mirrored.sum() < 130
    assert torch.equal(seen[~is_mirrored], images[~is_mirrored])


def test_a_shift_moves_the_picture_and_lets_gradients_through():
    image = torch.zeros(64, 3, 64, 64)
    image[:, :, 32, 32] = 1
    image.requires_grad_(True)
    moved = shift(image, 4, rng())
    places = [tuple(place.tolist()) for place in (moved[:, 0] == 1).nonzero()[:, 1:]]
    assert len(places) == 64
    assert all(28 <= row <= 36 and 28 <= column <= 36 for row, column in places)
    assert len(set(places)) > 20
    (moved[:, 0, 28:37, 28:37]).sum().backward()
    assert image.grad[:, 0, 32, 32].tolist() == [1.0] * 64


def test_light_changes_by_image_and_not_by_pixel():
    images = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).repeat(50, 3, 1, 1)
    seen = relight(images, rng())
    contrast = (seen[:, 0, -1, -1] - seen[:, 0, 0, 0]) / 2
    brightness = (seen[:, 0, -1, -1] + seen[:, 0, 0, 0]) / 2
    assert torch.allclose(seen, images * contrast[:, None, None, None] + brightness[:, None, None, None], atol=1e-5)
    assert 0.8 <= contrast.min() < 0.85
    assert 1.15 < contrast.max() <= 1.2
    assert -0.1 <= brightness.min() < -0.05
    assert 0.05 < brightness.max() <= 0.1


def test_noise_has_the_strength_asked_for_by_image_and_stays_within_the_range():
    images = torch.zeros(3, 3, 64, 64)
    asked = torch.tensor([0.0, 0.05, 0.2])
    assert torch.allclose(add_noise(images, asked[:, None, None, None], rng()).flatten(1).std(1), asked, atol=0.005)
    assert abs(add_noise(images, 0.1, rng()).std().item() - 0.1) < 0.005
    assert add_noise(torch.ones(4, 3, 16, 16), 0.1, rng()).max() == 1
