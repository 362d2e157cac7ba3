"""How others edit: directions, or steps, found for a generator that is given.

All of them move z itself and clip it to [-1, 1], as their authors' code does, and are fitted with the scores that this
project's editor uses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from expressions import Editor
from expressions.attributes import SLIDERS, free_to_change
from expressions.networks.generator import BATCH
from expressions.training.directions import dual_basis, regress

# Edits of latents z (N, 100) for one attribute's column, by amounts in standard deviations of its score.
Edits = Callable[[Tensor, int, Sequence[float]], list[Tensor]]


@dataclass(frozen=True)
class Sample:
    """Random faces to fit on: latents z (N, 100), their standardised scores (N, K), and the unit of these (K,)."""

    z: Tensor
    scores: Tensor
    deviation: Tensor


def draw(editor: Editor, first_seed: int, count: int = 5000) -> Sample:
    z = editor.latents(range(first_seed, first_seed + count), attempts=1)
    raw = torch.cat([editor.scores(editor.synthesize(batch)) for batch in z.split(BATCH)])
    deviation = raw.std(0)
    return Sample(z, (raw - raw.mean(0)) / deviation, deviation)


def all_edits(editor: Editor, sample: Sample) -> dict[str, Edits]:
    """Every rival, fitted to the sample."""
    differences, normals = mean_difference(sample), boundaries(sample)
    return {
        "mean difference": along(differences, sample),
        "InterFaceGAN, conditional": along(project(normals, editor.attributes), sample),
        "ridge dual basis": along(dual_basis(regress(sample.z, sample.scores)), sample),
        "sum of axes": sum_of_axes(differences, sample),
        "gradient ascent with penalty": gradient_ascent(editor, sample),
    }


def mean_difference(sample: Sample) -> Tensor:
    """Mean latent of the faces above the median score less that of those below (Radford et al. 2015, section 6.3.2)."""
    above = _above_median(sample)
    below = 1 - above
    return (above.T @ sample.z) / above.sum(0)[:, None] - (below.T @ sample.z) / below.sum(0)[:, None]


def boundaries(sample: Sample) -> Tensor:
    """Unit normals (K, 100) of linear boundaries between high and low scores (Shen et al. 2020, arXiv:1907.10786)."""
    above = _above_median(sample)
    normals = torch.zeros(above.shape[1], sample.z.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([normals], max_iter=60)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = binary_cross_entropy_with_logits(sample.z @ normals.T, above) + 1e-4 * normals.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return normalize(normals.detach(), dim=1)


def _above_median(sample: Sample) -> Tensor:
    return (sample.scores > sample.scores.median(0).values).float()


def project(normals: Tensor, attributes: Sequence[str]) -> Tensor:
    """Conditional manipulation: take out of each normal what lies along those of the other sliders (section 3.3)."""
    rows = []
    for column, name in enumerate(attributes):
        free = free_to_change([name])
        others = [attributes.index(other) for other in SLIDERS if other not in free]
        basis = torch.linalg.qr(normals[others].T).Q  # (100, conditions)
        rows.append(normals[column] - basis @ (basis.T @ normals[column]))
    return normalize(torch.stack(rows), dim=1)


def along(directions: Tensor, sample: Sample) -> Edits:
    """Steps along fixed directions (K, 100), as long as the regression of the scores on z says."""
    gains = (regress(sample.z, sample.scores) * directions).sum(1)

    def edits(z: Tensor, column: int, amounts: Sequence[float]) -> list[Tensor]:
        return [(z + amount / gains[column] * directions[column]).clamp(-1, 1) for amount in amounts]

    return edits


def sum_of_axes(directions: Tensor, sample: Sample) -> Edits:
    """A face that is nothing but its sliders, as the TL-GAN demo builds it: z is drawn onto the span of the axes."""
    basis = torch.linalg.qr(directions.T).Q  # (100, K)
    steps = along(directions, sample)

    def edits(z: Tensor, column: int, amounts: Sequence[float]) -> list[Tensor]:
        return steps(z @ basis @ basis.T, column, amounts)

    return edits


def gradient_ascent(editor: Editor, sample: Sample, penalty: float = 0.1, rate: float = 0.05, steps: int = 5) -> Edits:
    """Gradient steps for each face towards the score and against the change of all others, amount after amount."""

    def edits(z: Tensor, column: int, amounts: Sequence[float]) -> list[Tensor]:
        free = free_to_change([editor.attributes[column]])
        held = [c for c, other in enumerate(editor.attributes) if other not in free]
        start = editor.scores(editor.synthesize(z))
        found = {0.0: z}
        for sign in (1, -1):
            moved = z.clone().requires_grad_()
            optimizer = torch.optim.Adam([moved], rate)
            for amount in sorted((a for a in amounts if a * sign > 0), key=abs):
                for _ in range(steps):
                    scores = editor.scores(editor.generator(moved))
                    change = (scores - start) / sample.deviation
                    loss = (change[:, column] - amount).square() + penalty * change[:, held].square().sum(1)
                    optimizer.zero_grad()
                    loss.sum().backward()
                    optimizer.step()
                    moved.data.clamp_(-1, 1)
                found[amount] = moved.detach().clone()
        return [found[amount] for amount in amounts]

    return edits
