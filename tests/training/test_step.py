import dataclasses

import pytest
import torch
from toy_trainings import TWO_STEPS, equal

from expressions.attributes import SLIDERS
from expressions.training import step
from expressions.training.config import TrainConfig
from expressions.training.edit_loss import EditLoss
from expressions.training.guides import load_guides
from expressions.training.moments import FrechetLoss
from expressions.training.state import TrainState
from expressions.training.step import ema_decay, lr_factor, train_step


@pytest.fixture
def state():
    return TrainState(TWO_STEPS, torch.device("cpu"))


def test_the_discriminator_stands_still_while_the_generator_learns(state, images):
    before = {name: value.clone() for name, value in state.generator.state_dict().items()}
    train_step(state, images, TWO_STEPS)
    assert not any(parameter.requires_grad for parameter in state.discriminator.parameters())
    assert not equal(before, state.generator.state_dict())
    # Its gradients are those of its own loss: the generator's backward pass added nothing to them.
    kept = [parameter.grad.clone() for parameter in state.discriminator.parameters()]
    logits = state.discriminator["pixels"](state.generator(torch.rand(4, 100) * 2 - 1))
    logits.sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(kept, state.discriminator.parameters(), strict=True))


@pytest.fixture(scope="module")
def learnt(images, classifier):
    """What the networks have learnt after two steps with everything that a training can have, but for some changes."""
    guided = dataclasses.replace(TWO_STEPS, classifiers=str(classifier))
    guides = load_guides(guided)
    edits = EditLoss(guides.classifiers, guides.attributes, images)

    def learnt(**changes):
        config = dataclasses.replace(guided, **changes)
        state = TrainState(config, torch.device("cpu"), guides)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(step, "REFRESH", 1)
            patch.setattr(FrechetLoss, "ENOUGH", 1e-3)
            for _ in range(2):
                train_step(state, images, config, edits)
        return state

    return learnt


@pytest.fixture(scope="module")
def unchanged(learnt):
    return learnt()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "changes"),
    [
        ("generator", {"g_lr": 1e-3}),
        ("discriminator", {"d_lr": 1e-3}),
        ("discriminator", {"beta1": 0.9}),
        ("discriminator", {"beta2": 0.9}),
        ("generator", {"cooldown": 1.0}),
        ("discriminator", {"gamma": 3.0}),
        ("discriminator", {"penalty_batch": 1}),
        ("ema", {"ema_kimg": 1e-4}),
        ("generator", {"edit_weight": 7.0}),
        ("generator", {"change_weight": 7.0}),
        ("generator", {"pixels_weight": 2.0}),
        ("generator", {"moments_weight": 2.0}),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_every_option_of_a_step_changes_what_is_learnt(learnt, unchanged, network, changes):
    ends = (getattr(state, network).parameters() for state in (unchanged, learnt(**changes)))
    assert not all(torch.equal(*pair) for pair in zip(*ends, strict=True))


def test_a_step_balances_the_upsampling(state, images, monkeypatch):
    shares = []
    monkeypatch.setattr(state.generator, "balance_", shares.append)
    train_step(state, images, TWO_STEPS)
    assert shares == [step.BALANCE]


def test_the_discriminators_see_as_many_real_faces_as_generated_ones_and_no_edits(classifier, images, monkeypatch):
    config = dataclasses.replace(TWO_STEPS, classifiers=str(classifier))
    guides = load_guides(config)
    state = TrainState(config, torch.device("cpu"), guides)
    edits = EditLoss(guides.classifiers, guides.attributes, images)
    see, seen = state.adversary.see, []
    monkeypatch.setattr(state.adversary, "see", lambda given: seen.append(given) or see(given))
    z = torch.rand(config.batch_size // 2, 100)
    monkeypatch.setattr(edits, "pair", lambda *_: (z.repeat_interleave(2, 0), torch.zeros(len(z), len(SLIDERS))))
    train_step(state, images, config, edits)
    real, fake = seen
    assert len(real) == len(fake) == config.batch_size // 2
    assert len(fake.flatten(1).unique(dim=0)) == len(fake)


def test_both_sides_of_a_step_are_seen_and_the_generator_learns_by_its_own(state, images, monkeypatch):
    see, seen = state.adversary.see, []
    monkeypatch.setattr(state.adversary, "see", lambda given: seen.append(given.requires_grad) or see(given))
    train_step(state, images, TWO_STEPS)
    assert seen == [False, True]


@pytest.mark.parametrize(
    ("weightless", "left"),
    [
        ("moments_weight", {"pixels", "patches", "classifier"}),
        ("pixels_weight", {"classifier", "classifier_moments"}),
    ],
)
def test_what_weighs_nothing_is_not_trained(classifier, weightless, left):
    config = dataclasses.replace(TWO_STEPS, classifiers=str(classifier), **{weightless: 0.0})
    assert set(TrainState(config, torch.device("cpu"), load_guides(config)).discriminator) == left


def test_the_adversary_is_refreshed_now_and_then(state, images, monkeypatch):
    steps = []
    monkeypatch.setattr(state.adversary, "refresh", lambda: steps.append(state.step))
    monkeypatch.setattr(step, "REFRESH", 2)
    for _ in range(4):
        train_step(state, images, TWO_STEPS)
    assert steps == [2, 4]


def test_the_rates_fall_in_a_line_to_0_at_the_end():
    config = TrainConfig(kimg=1, batch_size=100, cooldown=0.4)
    assert [lr_factor(step, config) for step in range(11)] == [1] * 7 + [0.75, 0.5, 0.25, 0]
    assert [lr_factor(step, dataclasses.replace(config, cooldown=0)) for step in range(10)] == [1] * 10


def test_after_the_half_life_half_of_the_average_is_left():
    config = TrainConfig(ema_kimg=1, batch_size=10)
    assert ema_decay(10**6, config) ** 100 == pytest.approx(0.5)
    assert ema_decay(10, config) < ema_decay(1000, config)


def test_an_average_that_was_trained_before_is_kept_from_the_first_step():
    config = TrainConfig(ema_kimg=1, batch_size=10, start="runs/gan")
    assert ema_decay(1, config) ** 100 == pytest.approx(0.5)
