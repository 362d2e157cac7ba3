"""The objectives of adversarial training, one formula each; logits are high for images that pass for real."""

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


def d_relativistic_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Discriminator's relativistic pairing loss: a real image should be judged more real than the fake beside it
    (Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang et al. 2024, arXiv:2501.05441, eq. 2).

    Takes logits (N,) each; gives a scalar in nats, ln 2 when every pair is level.
    """
    return softplus(fake_logits - real_logits).mean()


def g_relativistic_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Generator's side of the pairing: the fake should be judged more real than the real image beside it."""
    return softplus(real_logits - fake_logits).mean()


def d_hinge_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Discriminator's hinge loss: real images above 1, fakes below -1 (Lim and Ye 2017, arXiv:1705.02894).

    Takes logits (N, ...); gives a scalar, 2 where every logit is 0.
    """
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def g_hinge_loss(fake_logits: Tensor) -> Tensor:
    """Generator's side of the hinge: the logits (N, ...) of its images should be high."""
    return -fake_logits.mean()


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Mean squared gradient norm of the logits in the images (Mescheder et al. 2018, arXiv:1801.04406, eq. 9).

    On real images it is R1, on generated ones R2; half of gamma times it is added to the loss.

    Args:
        logits: (N,), computed from `images`.
        images: (N, 3, H, W) that require a gradient.

    Returns:
        The scalar E|d logit / d image|^2, differentiable in the discriminator's weights.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().flatten(1).sum(1).mean()
