import pytest
import torch
from drawn_backbone import Means

from expressions.images import to_unit
from expressions.latents import draw_latents
from expressions.training.chooser_fit import COMPONENTS, SOUND, RealFaces, fit_chooser


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (1000, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_squared_distances_of_real_faces_are_as_many_as_there_are_components_in_the_mean(images):
    distances = RealFaces(Means(), images).distances(to_unit(images))
    assert distances.mean().item() == pytest.approx(COMPONENTS, rel=0.01)


def test_a_face_that_is_twice_as_far_from_the_mean_has_four_times_the_squared_distance(images):
    real, units = RealFaces(Means(), images), to_unit(images)
    mean = units.mean(0)
    once, twice = (real.distances(mean + factor * (units[:9] - mean)) for factor in (1, 2))
    assert twice.tolist() == pytest.approx((4 * once).tolist(), rel=1e-3)


def test_few_real_faces_are_refused(images):
    with pytest.raises(ValueError, match="a chooser needs at least 1000 real faces, got 999"):
        RealFaces(Means(), images[:999])


@pytest.mark.slow
def test_a_chooser_learns_what_it_can_and_calls_its_share_of_draws_sound():
    def log_distances(z):
        return 4 + z[:, 0] + z[:, 1].abs()

    z = draw_latents(range(4000))
    distances = log_distances(z).double().exp()
    random_state = torch.get_rng_state()
    chooser, fitted = fit_chooser(z, distances, seed=0)
    assert torch.equal(torch.get_rng_state(), random_state)
    unseen = draw_latents(range(10_000, 12_000))
    truth, expected = log_distances(unseen), chooser(unseen)
    correlation = torch.stack([expected, truth.double()]).corrcoef()[0, 1].item()
    assert correlation > 0.8
    assert fitted.correlation == pytest.approx(correlation, abs=0.1)
    sound = expected <= chooser.threshold
    assert sound.double().mean().item() == pytest.approx(SOUND, abs=0.1)
    assert truth[sound].mean() < truth.mean() - truth.std() / 5
    assert fitted.sound_distance < fitted.distance
    assert not any(parameter.requires_grad for parameter in chooser.parameters())
    again, _ = fit_chooser(z, distances, seed=0)
    assert torch.equal(again(unseen), expected)
