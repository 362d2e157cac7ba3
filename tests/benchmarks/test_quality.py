import re

import pytest
import torch
from safetensors.torch import save_model

from benchmarks.evaluator import EVALUATOR, load_evaluator, plain_editor
from benchmarks.quality import QualityJudge, main
from benchmarks.reports import BENCHMARKS
from expressions.attributes import SLIDERS
from expressions.images import to_uint8
from expressions.latents import to_uniform
from expressions.networks.averaging import estimate_statistics
from expressions.networks.classifier import predict
from expressions.networks.generator import Generator, load_generator
from expressions.training.directions import edit_half


@pytest.mark.slow
def test_held_out_faces_judged_against_themselves_are_perfect(editor):
    held_out = to_uint8(editor.synthesize(editor.latents(range(64))))
    training = to_uint8(editor.synthesize(editor.latents(range(100, 200))))
    judge = QualityJudge(EVALUATOR, held_out, training)
    figures = judge.assess(held_out)
    expected = {"recall": 1, "coverage": 1, "rate_error": 0, "worst_rate": 1, "novelty": 1}
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert figures["fd_attributes"] == pytest.approx(0, abs=1e-3)
    assert figures["fd_random"] == pytest.approx(0, abs=1e-3)
    assert judge.assess(training)["novelty"] == pytest.approx(0, abs=1e-2)  # they are copies
    worse = judge.assess(held_out // 2)
    assert worse["fd_random"] > 1
    assert worse["worst_rate"] > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fakes", "100"], "--fakes must be at least 250, got 100"),
        (["--outside-fakes", "100"], "--outside-fakes must be at least 250, got 100"),
        (["--repeats", "0"], "--repeats must be positive"),
        (["--generator", "FILE"], "expected name=FILE, with a name other than weights, .*, got 'FILE'"),
    ],
)
def test_numbers_that_are_too_small_are_refused(options, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quality", *options])
    with pytest.raises(SystemExit):
        main()
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.parametrize("taught", [0, len(SLIDERS)])
def test_the_editor_of_a_generator_draws_its_faces_with_statistics_of_what_it_was_trained_on(tmp_path, taught):
    file = tmp_path / "generator.safetensors"
    save_model(Generator(width=4, directions=taught), str(file))
    editor, given = plain_editor(file, ["A"]), load_generator(file)
    rng = torch.Generator().manual_seed(0)
    u = torch.randn(10_000, 100, generator=rng)
    estimate_statistics(given, to_uniform(edit_half(u, given.directions, rng)))
    z = editor.latents([1, 2])
    assert torch.equal(editor.synthesize(z), given(z))


def test_what_the_figures_were_measured_with_is_here():
    plain = load_generator(BENCHMARKS / "plain.safetensors")
    faces = to_uint8(plain(torch.zeros(2, 100)))
    assert predict(load_evaluator().features, faces).shape == (2, 192)
