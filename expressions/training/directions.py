"""training.directions."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..attributes import SLIDERS

# Longest edit of the first attribute, from the 5th to the 95th percentile of a normal score, and of the second, in
# standard deviations.
EDIT_LENGTHS = (3.3, 2.0)


def draw_edits(count: int, lengths: Tensor, rng: torch.Generator) -> Tensor:
    """Draw edits of one of `SLIDERS`, or of two in half of them.

    Args:
        count: how many.
        lengths: (2,) of the first one and of the second, at most, in standard deviations of the score.
        rng: of what is edited, and how far.

    Returns:
        (count, K), by how many standard deviations each score should move.
    """
    device = lengths.device
    which = torch.rand(count, len(SLIDERS), generator=rng, device=device).topk(2, dim=1).indices
    amounts = (torch.rand(count, 2, generator=rng, device=device) * 2 - 1) * lengths
    amounts[::2, 1] = 0
    return torch.zeros(count, len(SLIDERS), device=device).scatter_(1, which, amounts)


def edit_half(u: Tensor, directions: Tensor, rng: torch.Generator) -> Tensor:
    """Latents of which every second one is moved by an edit: half of the faces are edits, as in training.

    Args:
        u: (N, z_dim).
        directions: (K, z_dim) in u, one for each of `SLIDERS`; or none, (0, z_dim), and nothing moves.
        rng: of what is edited, and how far.

    Raises:
        ValueError: there are other directions.
    """
    if len(directions) not in (0, len(SLIDERS)):
        raise ValueError(f"generator has {len(directions)} directions; a training teaches none or {len(SLIDERS)}")
    u = u.clone()
    if len(directions):
        u[1::2] += draw_edits(len(u) // 2, u.new_tensor(EDIT_LENGTHS), rng) @ directions
    return u


def regress(u: Tensor, scores: Tensor) -> Tensor:
    """Least squares of scores on standard normal latents: s = W u + constant.

    Args:
        u: (N, D).
        scores: (N, K).

    Returns:
        W (K, D).
    """
    return torch.linalg.lstsq(u - u.mean(0), scores - scores.mean(0)).solution.T


def dual_basis(weights: Tensor, ridge: float = 0.1, length: float = 1.5) -> Tensor:
    """Ridge dual basis (W W^T + ridge I)^-1 W: along each row the score of the same row of W u changes, others little.

    Args:
        weights: W (K, D), of standardised scores.
        ridge: variance that is left to noise.
        length: norm that every row gets.

    Returns:
        (K, D).
    """
    gram = weights @ weights.T + ridge * torch.eye(len(weights), device=weights.device)
    return length * normalize(torch.linalg.solve(gram, weights), dim=1)
