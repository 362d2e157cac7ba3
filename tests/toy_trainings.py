"""Trainings of a few steps with narrow networks, and what they leave."""

import json

import torch

from expressions.networks.generator import load_generator
from expressions.training.config import TrainConfig
from expressions.training.run_folder import CHECKPOINT, GENERATOR, STATS

TWO_STEPS = TrainConfig(
    kimg=0.008,
    tick_kimg=0.004,
    g_width=4,
    d_width=8,
    batch_size=4,
    penalty_batch=2,
    ema_kimg=0.004,
    backbone="none",
    device="cpu",
    precision="fp32",
)


def toy_images():
    return torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def tensors(folder):
    return load_generator(folder / GENERATOR).state_dict()


def checkpoint(folder):
    return torch.load(folder / CHECKPOINT, weights_only=True)


def statistics(folder):
    return [json.loads(line) for line in (folder / STATS).read_text().splitlines()]


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
