import pytest
import torch
from synthetic_editor import random_chooser

from expressions.latents import MAX_ATTEMPTS, draw_attempts, draw_latents

SEEDS = range(100)


@pytest.fixture(scope="module")
def chooser():
    return random_chooser()


@pytest.mark.parametrize("attempts", [2, 3, MAX_ATTEMPTS])
def test_the_first_sound_draw_is_taken_and_the_soundest_where_none_is(chooser, attempts):
    taken = []
    for seed, chosen in zip(SEEDS, chooser.choose(SEEDS, attempts), strict=True):
        draws = draw_attempts(seed, attempts)
        distances = chooser(draws).tolist()
        sound = [index for index, distance in enumerate(distances) if distance <= chooser.threshold]
        taken.append(sound[0] if sound else distances.index(min(distances)))
        assert torch.equal(chosen, draws[taken[-1]])
        assert sound or distances[taken[-1]] > chooser.threshold
    assert set(taken) >= {0, 1}


def test_where_every_draw_is_sound_the_first_is_taken():
    chooser = random_chooser()
    chooser.threshold.fill_(1e9)
    assert torch.equal(chooser.choose(SEEDS, MAX_ATTEMPTS), draw_latents(SEEDS))


def test_a_choice_does_not_depend_on_the_batch(chooser):
    together = chooser.choose(SEEDS, MAX_ATTEMPTS)
    assert torch.equal(together, torch.cat([chooser.choose([seed], MAX_ATTEMPTS) for seed in SEEDS]))
    assert torch.equal(together.flip(0), chooser.choose(reversed(SEEDS), MAX_ATTEMPTS))
    assert chooser.choose([], MAX_ATTEMPTS).shape == (0, 100)


def test_distances_are_added_in_double_precision_whatever_the_network_is_kept_in(chooser):
    z = draw_latents(SEEDS)
    first, second, third = ([part.double() for part in layer.parameters()] for layer in chooser.layers)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))  # another order of adding
    hidden = (z.double()[:, order] @ first[0][:, order].T + first[1]).relu()
    hidden = (hidden @ second[0].T + second[1]).relu()
    torch.testing.assert_close(chooser(z), (hidden @ third[0].T + third[1])[:, 0], rtol=1e-12, atol=1e-13)


@pytest.mark.slow
def test_arithmetic_that_is_a_billionth_off_changes_no_choice(chooser):
    seeds = range(20_000)
    distances = chooser(torch.cat([draw_attempts(seed, MAX_ATTEMPTS) for seed in seeds])).reshape(-1, MAX_ATTEMPTS)
    noise = torch.randn(distances.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def taken(distances):
        first = (distances <= chooser.threshold).double().argmax(1)
        return torch.where((distances <= chooser.threshold).any(1), first, distances.argmin(1))

    assert torch.equal(taken(distances), taken(distances * (1 + 1e-9 * noise)))
    assert not torch.equal(taken(distances), taken(distances * (1 + 1e-3 * noise)))  # so it can be seen
