import numpy as np
import pytest
import torch

from expressions.latents import MAX_SEED, draw_attempts, draw_latents, slerp, to_normal, to_uniform


def test_latents_of_a_seed_never_change():
    # PCG64(7)'s raw stream, top 23 bits as odd multiples of 2^-23: fixed for all platforms and releases.
    expected = [(2 * (int(raw) >> 41) + 1 - 2**23) / 2**23 for raw in np.random.PCG64(7).random_raw(100)]
    assert draw_latents([7])[0].tolist() == expected
    assert draw_latents([7])[0, :3].tolist() == pytest.approx([0.25019, 0.79443, 0.55137], abs=1e-4)


def test_latents_do_not_depend_on_the_batch():
    assert torch.equal(draw_latents([7, 8, 9])[1:2], draw_latents([8]))


def test_the_attempts_of_a_seed_are_blocks_of_one_stream_that_begins_with_its_latents():
    raw = np.random.PCG64(7).random_raw(300)
    expected = [[(2 * (int(number) >> 41) + 1 - 2**23) / 2**23 for number in block] for block in raw.reshape(3, 100)]
    assert draw_attempts(7, 3).tolist() == expected
    assert torch.equal(draw_attempts(7, 3)[:1], draw_latents([7]))


def test_latents_are_uniform_inside_the_open_interval():
    z = draw_latents(range(2000))
    assert z.dtype == torch.float32
    assert z.abs().max() < 1
    assert z.mean().abs() < 0.01
    assert z.var().item() == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None, True, float("nan")])
def test_a_seed_that_is_no_seed_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to 4294967295, got"):
        draw_latents([seed])


def test_the_first_and_the_last_seed_work():
    assert draw_latents([0, np.uint32(MAX_SEED)]).shape == (2, 100)


def test_normal_and_uniform_latents_are_inverse_to_each_other():
    z = draw_latents(range(100))
    assert torch.allclose(to_uniform(to_normal(z)), z, atol=1e-6)
    assert to_normal(torch.tensor([[-1.0, 0.0, 1.0]])).isfinite().all()
    assert to_uniform(torch.tensor([[-50.0, 50.0]])).abs().max() < 1


def test_the_great_circle_has_its_ends_and_its_length():
    start, end = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    assert torch.allclose(slerp(start, end, 0.0), start, atol=1e-6)
    assert torch.allclose(slerp(start, end, 1.0), end, atol=1e-6)
    assert torch.allclose(slerp(start, end, 0.5), torch.full((1, 2), 3 / 2**0.5))
