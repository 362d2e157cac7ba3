"""Edits along directions of u = Phi^-1((z + 1) / 2): how they are drawn, and directions found by regression."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..attributes import SLIDERS

# How far an edit moves a score at most, in standard deviations. The first of its attributes: from the 5th to the 95th
# percentile of a normal score. The second, if there is one: chosen by hand, never ablated.
EDIT_LENGTHS = (3.3, 2.0)
# Norm of the rows of the dual basis, and of new directions in the generator: chosen by hand, never ablated.
DIRECTION_LENGTH = 1.5


def draw_edits(count: int, rng: torch.Generator) -> Tensor:
    """Draw edits of one of `SLIDERS`, or of two in half of them: (count, K) on the device of `rng`, by how many
    standard deviations each score should move."""
    which = torch.rand(count, len(SLIDERS), generator=rng, device=rng.device).topk(2, dim=1).indices
    amounts = torch.rand(count, 2, generator=rng, device=rng.device) * 2 - 1
    for column, length in enumerate(EDIT_LENGTHS):
        amounts[:, column] *= length
    amounts[::2, 1] = 0
    return torch.zeros(count, len(SLIDERS), device=rng.device).scatter_(1, which, amounts)


def edit_half(u: Tensor, directions: Tensor, rng: torch.Generator) -> Tensor:
    """Move every second latent by an edit: half of the faces are edits, as in training.

    Args:
        u: (N, z_dim).
        directions: (K, z_dim) in u, one for each of `SLIDERS`; or none, (0, z_dim), and nothing moves.

    Raises:
        ValueError: there are other directions.
    """
    if len(directions) not in (0, len(SLIDERS)):
        raise ValueError(f"generator has {len(directions)} directions; a training teaches none or {len(SLIDERS)}")
    u = u.clone()
    if len(directions):
        u[1::2] += draw_edits(len(u) // 2, rng) @ directions
    return u


def regress(u: Tensor, scores: Tensor) -> Tensor:
    """Least squares of scores (N, K) on standard normal latents u (N, D): W (K, D) float32 of s = W u + constant.

    Solved in double precision, which costs nothing beside drawing the faces.
    """
    u, scores = u.double(), scores.double()
    return torch.linalg.lstsq(u - u.mean(0), scores - scores.mean(0)).solution.T.float()


def dual_basis(weights: Tensor, ridge: float = 0.1) -> Tensor:
    """Ridge dual basis (W W^T + ridge I)^-1 W: along each row, the score of the same row of W u changes, others little.

    Args:
        weights: W (K, D), of standardised scores.
        ridge: damping, in variance of a score; 0 decouples in full. Chosen by hand, never ablated.

    Returns:
        (K, D), whose rows have the norm `DIRECTION_LENGTH`.
    """
    gram = weights @ weights.T + ridge * torch.eye(len(weights), device=weights.device)
    return DIRECTION_LENGTH * normalize(torch.linalg.solve(gram, weights), dim=1)
