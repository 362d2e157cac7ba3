import pytest
import torch

from expressions import skin
from expressions.skin import cheek_lab, individual_typology_angle, srgb_to_lab


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # Bruce Lindbloom's calculator, sRGB and D65
        ((1.0, 1.0, 1.0), (100.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((1.0, 0.0, 0.0), (53.24, 80.09, 67.20)),
        ((0.0, 0.0, 1.0), (32.30, 79.19, -107.86)),
    ],
)
def test_known_colours(rgb, lab):
    assert srgb_to_lab(torch.tensor(rgb)).tolist() == pytest.approx(lab, abs=0.05)


def plain(rgb):
    return (torch.tensor(rgb)[None, :, None, None] * 2 - 1).expand(1, 3, 64, 64)


def test_a_plain_picture_has_its_own_colour_at_the_cheeks():
    assert torch.allclose(cheek_lab(plain((0.8, 0.6, 0.5)))[0], srgb_to_lab(torch.tensor((0.8, 0.6, 0.5))), atol=1e-3)


def test_lightness_50_is_angle_0_and_lighter_skin_has_a_larger_angle():
    dark, middle, light = (
        individual_typology_angle(plain(c)).item() for c in ((0.3, 0.2, 0.15), (0.6, 0.42, 0.3), (0.95, 0.8, 0.7))
    )
    assert dark < middle < light
    lab = cheek_lab(plain((0.6, 0.42, 0.3)))[0]
    assert middle == pytest.approx(torch.rad2deg(torch.atan((lab[0] - 50) / lab[2])).item(), abs=1e-3)


def test_gradients_pass_also_where_the_first_to_measure_had_none():
    skin._constants.cache_clear()
    with torch.inference_mode():
        individual_typology_angle(plain((0.6, 0.42, 0.3)))
    face = plain((0.6, 0.42, 0.3)).clone().requires_grad_(True)
    individual_typology_angle(face).sum().backward()
    assert face.grad.abs().sum() > 0


def test_what_lies_beside_the_cheeks_does_not_count():
    face = torch.rand(1, 3, 64, 64) * 2 - 1
    for rows, columns in skin.CHEEKS:
        face[:, :, rows, columns] = plain((0.8, 0.6, 0.5))[:, :, rows, columns]
    assert torch.equal(individual_typology_angle(face), individual_typology_angle(plain((0.8, 0.6, 0.5))))


def test_hair_and_shadow_on_the_darker_half_of_the_cheeks_do_not_count():
    face = plain((0.8, 0.6, 0.5)).clone()
    face[:, :, :, 18:25] = -1  # a cheek
    assert torch.equal(individual_typology_angle(face), individual_typology_angle(plain((0.8, 0.6, 0.5))))
