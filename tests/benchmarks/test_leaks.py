import math

import pytest
import torch

from benchmarks import leaks


def curve(*slopes):
    """Readings (A, N, S) of faces of which each reading starts somewhere else and rises evenly, by `slopes`."""
    faces = torch.tensor(slopes)
    amounts = torch.linspace(-3, 3, 7)
    return torch.rand(faces.shape, generator=torch.Generator().manual_seed(0)) + amounts[:, None, None] * faces


@pytest.mark.parametrize("change", [-2.0, -0.5, 0.5, 1.0])
def test_at_equal_change_the_other_readings_are_interpolated(change):
    moved = leaks.at_change(curve([1.0, 0.2, 0.0, -0.1], [0.5, 0.2, 0.0, -0.1]), 0, change)
    assert moved[0].tolist() == pytest.approx([change, 0.2 * change, 0, -0.1 * change], abs=1e-5)
    reaches = abs(change) <= 1.5
    expected = [change, 0.4 * change, 0, -0.2 * change] if reaches else [math.nan] * 4
    assert moved[1].tolist() == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_a_leak_is_the_mean_absolute_change_of_what_should_stay(reader):
    changes = leaks.changes_of({"Smiling": curve([1.0, 0.2, 0.0, -0.1], [2.0, -0.4, 0.0, -0.2])}, reader)
    found = leaks.leaks_of(changes, reader)
    assert found["mean_dependency"] == pytest.approx((0.2 + 0 + 0.1) / 3)
    assert found["interval"] == pytest.approx([0.1, 0.1])  # all faces leak alike
    assert (found["max_dependency"], found["largest"]) == (pytest.approx(0.2), ["Smiling", "Male"])
    assert found["matrix"][0] == pytest.approx([1, 0, 0, -0.1], abs=1e-5)  # signed: opposite leaks cancel
    assert found["edits"] == 4


def test_methods_are_compared_over_the_faces_that_all_of_them_reach(reader):
    far, near, nowhere = (
        leaks.changes_of({"Smiling": curve(*slopes)}, reader)
        for slopes in (
            ([1.0, 0.2, 0.2, 0.2], [1.0, 0.6, 0.6, 0.6]),
            ([1.0, 0.1, 0.1, 0.1], [0.2, 0.1, 0.1, 0.1]),
            ([0.1] * 4, [0.1] * 4),
        )
    )

    def compared(*methods):
        found = [leaks.leaks_of(changes, reader) for changes in leaks.where_all_reach(methods)]
        return [one["mean_dependency"] for one in found], {one["edits"] for one in found}

    assert compared(far, near) == (pytest.approx([0.2, 0.1]), {2})  # the first face, up and down
    assert compared(far) == (pytest.approx([0.4]), {4})
    assert compared(far, nowhere) == (pytest.approx([math.nan] * 2, nan_ok=True), {0})


def test_an_interval_is_one_over_faces():
    rng = torch.Generator().manual_seed(0)
    faces = torch.randn(400, generator=rng)
    low, high = leaks.bootstrap(faces[None, None])
    assert high - low == pytest.approx(2 * 1.96 * 0.05, rel=0.15)  # of the mean of 400
    again = leaks.bootstrap(faces.expand(11, 2, -1))
    assert again == pytest.approx([low, high], abs=1e-5)  # the same faces again tell nothing more
    half = faces.where(torch.arange(400) < 200, math.nan)
    low, high = leaks.bootstrap(half[None, None])
    assert high - low == pytest.approx(2 * 1.96 * 0.05 * 2**0.5, rel=0.2)
    assert all(map(math.isnan, leaks.bootstrap(torch.full((1, 1, 3), math.nan))))
