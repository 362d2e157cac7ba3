"""Recipes of training, by the names that the benchmarks give them; the plain one is in reference.py."""

import argparse
from typing import Any

import torch
from torch.nn.utils.parametrizations import spectral_norm

from expressions.training import TrainConfig, TrainState, adam

SPECTRAL_NORM = "spectral norm"
REFERENCE, OURS = "reference", "ours"  # the plain one, and the defaults
# A name is one or more of these, and changes what they change of the defaults of `train.py gan`.
CHANGES: dict[str, dict[str, Any]] = {
    OURS: {},
    SPECTRAL_NORM: {"gamma": 0.0},
    "gamma 2": {"gamma": 2.0},
    "penalty batch 4": {"penalty_batch": 4},
    "rates 2e-4": {"d_lr": 2e-4, "g_lr": 2e-4},
    "rates 4e-4": {"d_lr": 4e-4, "g_lr": 4e-4},
    "batch 32": {"batch_size": 32},
    "ema 50 kimg": {"ema_kimg": 50.0},
    "ema 25 kimg": {"ema_kimg": 25.0},
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
        ArgumentTypeError: a part of it is unknown.
    """
    for part in text.split(BETWEEN):
        if part not in CHANGES:
            raise argparse.ArgumentTypeError(f"{part!r} is none of {BETWEEN.join(map(repr, CHANGES))}")
    return text


def as_variant(text: str) -> str:
    """The same, of a recipe that may be meant `TWICE`."""
    as_recipe(text.removesuffix(TWICE))
    return text


def options_of(recipe: str) -> dict[str, Any]:
    """What a recipe changes of the defaults of `train.py gan`."""
    parts = recipe.removesuffix(TWICE).split(BETWEEN)
    return {option: value for part in parts for option, value in CHANGES[part].items()}


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
