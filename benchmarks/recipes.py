"""Recipes of training, by the names that the benchmarks give them; the plain one is in reference.py."""

import argparse
from typing import Any

import torch
from reference import LR
from torch.nn.utils.parametrizations import spectral_norm

from expressions.training.config import TrainConfig
from expressions.training.state import TrainState, adam

SPECTRAL_NORM = "spectral norm"
REFERENCE, OURS = "reference", "ours"
WHOLE: dict[str, dict[str, Any]] = {REFERENCE: {"d_lr": LR, "g_lr": LR}, OURS: {}}
# Any other name is one or more of these, which change the defaults of `train.py gan`.
CHANGES: dict[str, dict[str, Any]] = {
    SPECTRAL_NORM: {"gamma": 0.0},
    "gamma 2": {"gamma": 2.0},
    "penalty batch 4": {"penalty_batch": 4},
    "rates 2e-4": {"d_lr": 2e-4, "g_lr": 2e-4},
    "rates 4e-4": {"d_lr": 4e-4, "g_lr": 4e-4},
    "batch 32": {"batch_size": 32},
    "ema 50 kimg": {"ema_kimg": 50.0},
    "ema 10 kimg": {"ema_kimg": 10.0},
    "ema 0.1 kimg": {"ema_kimg": 0.1},
    "cooldown 0.3": {"cooldown": 0.3},
    "shifts": {"max_shift": 4},
    "half width": {"g_width": 16},
    "kernel 3": {"d_kernel": 3},
}
BETWEEN = ", "
FOR_A_CPU = "half width, kernel 3"  # as on the Makefile's schedule for one
TWICE = BETWEEN + "after twice as many"  # images as all the others: faster recipes in about the same time


def as_recipe(text: str) -> str:
    """A name given on the command line.

    Raises:
        ArgumentTypeError: a part of it is unknown, or changes what another one does.
    """
    if text == OURS:
        return text
    parts = text.split(BETWEEN)
    for part in parts:
        if part not in CHANGES:
            raise argparse.ArgumentTypeError(f"{part!r} is none of {BETWEEN.join(map(repr, [OURS, *CHANGES]))}")
    changed = [option for part in parts for option in CHANGES[part]]
    if len(set(changed)) < len(changed):
        raise argparse.ArgumentTypeError(f"{text!r} changes an option twice")
    return text


def as_variant(text: str) -> str:
    """A name that may end in `TWICE`, given on the command line."""
    as_recipe(text.removesuffix(TWICE))
    return text


def options_of(recipe: str) -> dict[str, Any]:
    """What a recipe changes of the defaults of `train.py gan`."""
    parts, known = recipe.removesuffix(TWICE).split(BETWEEN), WHOLE | CHANGES
    return {option: value for part in parts for option, value in known[part].items()}


def is_normalised(recipe: str) -> bool:
    """Whether a recipe bounds the discriminator by spectral norms (Miyato et al. 2018, arXiv:1802.05957), not by
    penalties."""
    return SPECTRAL_NORM in recipe.split(BETWEEN)


def new_state(recipe: str, config: TrainConfig, device: torch.device) -> TrainState:
    """What a training by a recipe begins with."""
    state = TrainState(config, device)
    if is_normalised(recipe):
        for layer in state.discriminator.modules():
            if isinstance(layer, torch.nn.Conv2d):
                spectral_norm(layer)
        state.d_optimizer = adam(state.discriminator, config.d_lr, (config.beta1, config.beta2))
    return state
