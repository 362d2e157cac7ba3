from pathlib import Path

import pytest
import torch
from drawn_backbone import Means

from expressions.images import grid, to_unit
from expressions.latents import draw_latents
from expressions.training.chooser_fit import SOUND, GradedFaces, Grader, corrected, fit_chooser, read_graded

KEPT = Path(__file__).parents[2] / "weights" / "graded"


@pytest.fixture(scope="module")
def graded():
    """Noise, the brighter the worse."""
    rng = torch.Generator().manual_seed(0)
    grades = torch.arange(120) % 3
    noise = torch.randint(0, 100, (120, 3, 64, 64), generator=rng)
    return GradedFaces((noise + 50 * grades[:, None, None, None]).byte(), grades.double())


def write(folder, sheet, grades):
    sheet.save(folder / "faces.png")
    (folder / "grades.txt").write_text(grades)


def test_faces_are_read_with_the_grade_in_the_same_place(tmp_path, graded):
    write(tmp_path, grid(to_unit(graded.images[:6]), 3), "0 1 2\n0 1 2\n")
    read = read_graded(tmp_path)
    assert torch.equal(read.images, graded.images[:6])
    assert torch.equal(read.grades, graded.grades[:6])


@pytest.mark.parametrize(
    ("grades", "named"),
    [
        ("0 1 2\n", "1 rows of 3 grades do not fit a picture of 192x128"),
        ("0 1 2\n0 1\n", "cannot read graded faces"),
        ("0 1 2\n0 1 bad\n", "cannot read graded faces.*bad"),
        ("0 1 2\n0 1 3\n", "must be 0, 1 or 2"),
        ("0 1 2\n0 1 nan\n", "must be 0, 1 or 2"),
        ("1 1 1\n1 1 1\n", "not all the same"),
        ("", "0 rows of 1 grades do not fit"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt:UserWarning")
def test_grades_that_are_none_are_refused(tmp_path, graded, grades, named):
    write(tmp_path, grid(to_unit(graded.images[:6]), 3), grades)
    with pytest.raises(ValueError, match=named):
        read_graded(tmp_path)


def test_graded_faces_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read graded faces.*faces\.png"):
        read_graded(tmp_path)
    (tmp_path / "faces.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"cannot read graded faces.*faces\.png"):
        read_graded(tmp_path)


def test_the_kept_faces_can_be_read():
    images, grades = read_graded(KEPT)
    assert len(images) == len(grades) == 640
    assert 0.1 < (grades == 2).double().mean() < 0.3


def test_corrected_grades_do_not_depend_on_who_a_face_shows():
    rng = torch.Generator().manual_seed(0)
    scores, soundness = torch.randn(1000, 2, generator=rng), torch.randn(1000, generator=rng).double()
    grades = 1 + soundness + scores @ torch.tensor([0.5, -2.0])
    fair = corrected(grades, scores)
    assert fair.mean().item() == pytest.approx(grades.mean().item())
    assert torch.stack([fair, *scores.T.double()]).corrcoef()[0, 1:].tolist() == pytest.approx([0, 0], abs=1e-5)
    assert torch.stack([fair, soundness]).corrcoef()[0, 1] > 0.99


def test_a_grader_expects_the_grades_of_faces_that_it_did_not_see(graded):
    grader = Grader(Means(), GradedFaces(graded.images[:90], graded.grades[:90]))
    expected = grader.grade(to_unit(graded.images[90:]))
    assert expected.tolist() == pytest.approx(graded.grades[90:].tolist(), abs=0.3)


@pytest.mark.slow
def test_a_chooser_learns_what_it_can_and_calls_its_share_of_draws_sound():
    def grades_of(z):
        return (1 + z[:, 0] / 2 + z[:, 1].abs() / 2).double()

    z = draw_latents(range(4000))
    random_state = torch.get_rng_state()
    chooser, fitted = fit_chooser(z, grades_of(z), seed=0)
    assert torch.equal(torch.get_rng_state(), random_state)
    unseen = draw_latents(range(10_000, 12_000))
    truth, expected = grades_of(unseen), chooser(unseen)
    correlation = torch.stack([expected, truth]).corrcoef()[0, 1].item()
    assert correlation > 0.8
    assert fitted.correlation == pytest.approx(correlation, abs=0.1)
    sound = expected <= chooser.threshold
    assert sound.double().mean().item() == pytest.approx(SOUND, abs=0.1)
    assert truth[sound].mean() < truth.mean() - truth.std() / 5
    assert fitted.sound_grade < fitted.grade
    assert not any(parameter.requires_grad for parameter in chooser.parameters())
    again, _ = fit_chooser(z, grades_of(z), seed=0)
    assert torch.equal(again(unseen), expected)
