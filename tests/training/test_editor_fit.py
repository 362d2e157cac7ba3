import pytest
import torch
from drawn_backbone import Means

from expressions import Editor
from expressions.attributes import SKIN_TONE, SLIDERS
from expressions.latents import to_normal, to_uniform
from expressions.networks.classifier import AttributeClassifier
from expressions.networks.generator import Generator
from expressions.training.chooser_fit import GradedFaces, Grader
from expressions.training.directions import dual_basis, edit_half, regress
from expressions.training.editor_fit import EditorConfig, fit_editor, read_networks

pytestmark = pytest.mark.slow  # the fit takes seconds


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return Generator(width=4, directions=len(SLIDERS)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def grader():
    """What pictures of noise and random grades teach."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (30, 3, 64, 64), dtype=torch.uint8, generator=rng)
    return Grader(Means(), GradedFaces(noise, torch.randint(0, 3, (30,), generator=rng).double()))


@pytest.fixture(scope="module")
def fitted(generator, grader):
    scored = [*(name for name in SLIDERS if name != SKIN_TONE), "Chubby"]
    editor, _ = fit_editor(
        generator, AttributeClassifier(len(scored)).eval(), scored, grader, EditorConfig(samples=1100)
    )
    return editor


@pytest.fixture(scope="module")
def u():
    """What the editor was fitted on."""
    return torch.randn(1100, 100, generator=torch.Generator().manual_seed(0))


def test_a_fit_calibrates_to_the_percentiles_of_random_faces(fitted, u):
    values = fitted.values(fitted.scores(fitted.synthesize(to_uniform(u))))
    assert torch.allclose(values.quantile(torch.tensor([0.01, 0.99]), dim=0).T, torch.tensor([0.0, 100.0]), atol=0.1)


def test_a_fit_estimates_the_batch_norm_statistics_on_faces_of_which_half_are_edits(fitted, generator, u):
    rng = torch.Generator().manual_seed(0)
    torch.randn(1100, 100, generator=rng)  # the fit draws its faces first
    half_edited = edit_half(u, generator.directions, rng)[:1000]  # the whole batches of 250
    first, normalisation = fitted.generator.layers[:2]
    maps, unedited = (first(to_uniform(latents)[:, :, None, None]) for latents in (half_edited, u[:1000]))
    assert torch.allclose(normalisation.running_mean, maps.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(normalisation.running_var, maps.var((0, 2, 3)), rtol=0.02)
    assert normalisation.running_var.mean() > 1.01 * unedited.var((0, 2, 3)).mean()
    assert not fitted.generator.training


def test_directions_that_a_training_taught_are_kept(fitted, generator):
    rows = [fitted.attributes.index(name) for name in SLIDERS]
    assert torch.equal(fitted.generator.directions[rows], generator.directions)


def test_what_was_not_taught_has_a_direction_of_the_dual_basis_of_all_scores(fitted, u):
    scores = fitted.scores(fitted.synthesize(to_uniform(u)))
    basis = dual_basis(regress(u, (scores - scores.mean(0)) / scores.std(0)))
    row = fitted.attributes.index("Chubby")
    torch.testing.assert_close(fitted.generator.directions[row], basis[row], rtol=1e-2, atol=1e-3)
    assert basis[row].norm() > 0.1


def test_the_response_tells_what_every_direction_changes_in_every_value(fitted, u):
    def values(moved):
        return fitted.values(fitted.scores(fitted.synthesize(to_uniform(moved))))

    for column, step in enumerate(fitted.generator.directions):
        changes = (values(u[:16] + step) - values(u[:16] - step)).mean(0) / 2  # 16: see conftest.py
        torch.testing.assert_close(fitted.response[:, column], changes, rtol=1e-3, atol=1e-2)


def test_a_fit_chooses_draws_whose_faces_are_graded_better(fitted, grader):
    plain, chosen = (grader.grade(fitted.synthesize(fitted.latents(range(500), attempts))) for attempts in (1, 8))
    assert chosen.mean() < plain.mean()


def test_an_editor_of_a_narrow_generator_is_saved_and_loaded(fitted, tmp_path):
    fitted.save_pretrained(tmp_path)
    again = Editor.from_pretrained(tmp_path)
    assert again.generator.width == 4
    assert again.fingerprint() == fitted.fingerprint()


def test_a_fit_around_an_editors_own_networks_ends_in_the_same_editor(fitted, grader, tmp_path):
    fitted.save_pretrained(tmp_path)
    config = EditorConfig(samples=1100, weights=str(tmp_path))
    *networks, lens = read_networks(config)
    again, _ = fit_editor(*networks, grader, config, lens=lens)
    assert again.fingerprint() == fitted.fingerprint()


def test_the_response_is_what_a_step_along_a_direction_changes(editor):
    column, u = editor.attributes.index("Smiling"), to_normal(editor.latents(range(300), attempts=1))
    up, down = (
        editor.values(editor.scores(editor.synthesize(to_uniform(u + sign * editor.generator.directions[column]))))
        for sign in (1, -1)
    )
    measured = ((up - down) / 2).mean(0)[column].item()
    assert editor.response[column, column].item() == pytest.approx(measured, rel=0.1)
