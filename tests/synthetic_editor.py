"""An editor whose answers can be derived: it measures how far u goes along each direction.

The directions are orthogonal, of length 1. Each attribute has a patch of the picture, which is the brighter the farther
u goes along its direction; `Skin_Tone` has the cheeks. A value is 50 at the origin, and `SLOPE` points more for each
unit. That of `Skin_Tone` is only about so, but for its ends.
"""

import torch
from torch import Tensor, nn

from expressions import Editor
from expressions.latents import Z_DIM, draw_latents, to_normal, to_uniform
from expressions.networks.chooser import Chooser
from expressions.skin import CHEEKS, individual_typology_angle

ATTRIBUTES = ("Smiling", "Male", "Young", "Eyeglasses", "Bangs")
SLOPE = 20.0  # points for each unit of u
_DIM = 16.0  # units from middle grey to white
_DIRECTIONS = torch.eye(Z_DIM // 4).repeat_interleave(4, 1)[: len(ATTRIBUTES) + 1] / 2  # of four numbers each


class Painter(nn.Module):
    """The generator."""

    def __init__(self) -> None:
        super().__init__()
        self.directions = nn.Parameter(_DIRECTIONS)

    def forward(self, z: Tensor) -> Tensor:
        levels = to_normal(z) @ self.directions.T / _DIM  # (N, T)
        images = torch.zeros(len(z), 3, 64, 64)
        for patch in range(len(ATTRIBUTES)):
            images[:, :, 56:, 8 * patch : 8 * patch + 8] = levels[:, patch, None, None, None]
        skin = torch.tensor([0.4, 0.0, -0.2]) + levels[:, -1:]  # (N, 3)
        for rows, columns in CHEEKS:
            images[:, :, rows, columns] = skin[:, :, None, None]
        return images.clamp(-1, 1)


class Reader(nn.Module):
    """The classifier: logits are the ways along the directions, mixed by `mixture` (T, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.mixture = torch.eye(len(ATTRIBUTES))

    def forward(self, images: Tensor) -> Tensor:
        patches = images[:, 0, 60, 4 : 8 * len(ATTRIBUTES) : 8]  # the middle of each
        return patches * _DIM @ self.mixture.T


def synthetic_editor(**leaks: float) -> Editor:
    """Make one.

    Args:
        leaks: by how much the score of `Male` rises with each unit of another attribute, which the editor does not
            know.
    """
    editor = Editor(ATTRIBUTES, width=1)
    editor.generator, editor.classifier = Painter(), Reader()
    for name, amount in leaks.items():
        editor.classifier.mixture[ATTRIBUTES.index("Male"), ATTRIBUTES.index(name)] = amount
    ends = [latent(**dict.fromkeys((*ATTRIBUTES, "Skin_Tone"), value)) for value in (0, 100)]
    tones = [individual_typology_angle(editor.generator(z)).detach() for z in ends]
    reach = torch.full((len(ATTRIBUTES),), 50 / SLOPE)
    editor.low, editor.high = torch.cat([-reach, tones[0]]), torch.cat([reach, tones[1]])
    editor.response = SLOPE * torch.eye(len(ATTRIBUTES) + 1)
    return editor.requires_grad_(False)


def latent(**values: float) -> Tensor:
    """The latent (1, 100) whose face shows these values, and 50 for what is not named."""
    ways = torch.tensor([[(values.get(name, 50) - 50) / SLOPE for name in (*ATTRIBUTES, "Skin_Tone")]])
    return to_uniform(ways @ _DIRECTIONS)


def random_chooser() -> Chooser:
    """A chooser that calls one draw in three sound, by a network that was never fitted."""
    torch.manual_seed(0)
    chooser = Chooser().requires_grad_(False)
    chooser.threshold.copy_(chooser(draw_latents(range(300))).quantile(1 / 3))
    return chooser
