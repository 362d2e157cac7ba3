import itertools

import pytest
import torch

from benchmarks import rivals
from expressions.attributes import COUPLED, SLIDERS

NAMES = (*SLIDERS, "Chubby")


@pytest.fixture
def sample():
    """Faces of which every score is one direction of z: their standardised scores, and these unit directions."""
    rng = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(100, len(NAMES), generator=rng)).Q.T
    z = torch.rand(4000, 100, generator=rng) * 2 - 1
    raw = z @ axes.T
    return rivals.Sample(z, (raw - raw.mean(0)) / raw.std(0), raw.std(0)), axes


def test_rivals_find_the_directions_that_scores_were_made_of(sample):
    sample, axes = sample
    for found in (rivals.mean_difference(sample), rivals.boundaries(sample)):
        assert (torch.cosine_similarity(found, axes) > 0.9).all()


def test_a_conditional_direction_leaves_out_those_of_the_other_sliders():
    normals = torch.nn.functional.normalize(torch.randn(len(NAMES), 100), dim=1)
    kept = rivals.project(normals, NAMES)
    for column, name in enumerate(NAMES):
        others = [NAMES.index(other) for other in SLIDERS if other != name and other not in COUPLED.get(name, ())]
        assert (kept[column] @ normals[others].T).abs().max() < 1e-5
        assert kept[column] @ normals[column] > 0.8


def test_a_rival_goes_as_far_as_its_score_is_asked_to(sample):
    sample, axes = sample
    z = sample.z[:50] / 2  # far from the edge of the cube
    for edits in (rivals.along(axes, sample), rivals.along(2 * axes, sample), rivals.sum_of_axes(axes, sample)):
        near, far = (((edited - z) @ axes.T / sample.deviation)[:, 0] for edited in edits(z, 0, (-0.5, 0.5)))
        assert near.tolist() == pytest.approx([-0.5] * 50, abs=0.1)
        assert far.tolist() == pytest.approx([0.5] * 50, abs=0.1)


@pytest.mark.slow
def test_gradient_ascent_goes_both_ways(editor):
    edits = rivals.gradient_ascent(editor, rivals.draw(editor, first_seed=0, count=250))
    z, column = editor.latents(range(4)), editor.attributes.index("Smiling")
    scores = [editor.scores(editor.synthesize(moved))[:, column] for moved in edits(z, column, (-2, -1, 0, 1, 2))]
    assert all((lower < higher).all() for lower, higher in itertools.pairwise(scores))
