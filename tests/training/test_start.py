import dataclasses

import pytest
import torch
from toy_trainings import TWO_STEPS, checkpoint, equal, statistics, tensors

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, SLIDERS
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.training.guides import load_guides
from expressions.training.loop import Training
from expressions.training.run_folder import CHECKPOINT, RunError
from expressions.training.start import start_from
from expressions.training.state import TrainState


def started(source, **changes):
    """A state of other numbers, after it has taken over what it can."""
    config = dataclasses.replace(TWO_STEPS, seed=5, start=str(source), **changes)
    state = TrainState(config, torch.device("cpu"), load_guides(config))
    start_from(config.start, state, config)
    return state


@pytest.fixture(scope="module")
def both(run, classifier, tmp_path_factory):
    """The folder of a run whose discriminators see pixels, and through a classifier."""
    folder = tmp_path_factory.mktemp("both")
    run(folder, classifiers=str(classifier), kimg=0.004)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The path of another classifier."""
    torch.manual_seed(9)
    path = tmp_path_factory.mktemp("other") / "other.safetensors"
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, path)
    return path


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """The folder of an editor with a generator of that width."""
    folder = tmp_path_factory.mktemp("narrow")
    Editor(CELEBA_ATTRIBUTES, width=TWO_STEPS.g_width).save_pretrained(folder)
    return folder


def test_a_training_starts_with_the_networks_of_another(finished, capsys):
    state = started(finished)
    assert equal(state.ema.state_dict(), tensors(finished))
    assert equal(state.generator.state_dict(), checkpoint(finished)["generator"])
    assert equal(state.discriminator.state_dict(), checkpoint(finished)["discriminator"])
    assert state.step == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("source", "classifiers", "new"),
    [
        ("finished", "classifier", ["classifier", "classifier_moments"]),
        ("both", "classifier", []),
        ("both", "other", ["classifier", "classifier_moments"]),
        ("both", None, []),
        ("narrow", "classifier", ["pixels", "patches", "classifier", "classifier_moments"]),
    ],
)
def test_a_start_takes_over_what_judges_the_same_and_tells_what_is_new(request, capsys, source, classifiers, new):
    folder = request.getfixturevalue(source)
    state = started(folder, classifiers=classifiers and str(request.getfixturevalue(classifiers)))
    told = f"the discriminator of {' and of '.join(new)} is new: {folder} has none of this kind (--lead-kimg lets it"
    assert (told in capsys.readouterr().out) == bool(new)
    for name in state.discriminator.keys() - set(new):
        saved = checkpoint(folder)["discriminator"]
        own = state.discriminator[name].state_dict(prefix=f"{name}.")
        assert all(torch.equal(tensor, saved[key]) for key, tensor in own.items())


def test_a_discriminator_of_another_width_stays_new(finished, capsys):
    started(finished, d_width=4)
    assert f"the discriminator of pixels is new: {finished} has none of this kind" in capsys.readouterr().out


def test_a_start_of_another_width_is_refused_before_anything_is_written(run, finished, tmp_path):
    with pytest.raises(ValueError, match="its generator has g_width 4, the options say 8"):
        run(tmp_path / "run", start=str(finished), g_width=8)
    with pytest.raises(ValueError, match="nothing-here"):
        run(tmp_path / "run", start=str(tmp_path / "nothing-here"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("network", "layer"), [("generator", "layers.0.weight"), ("discriminator", "pixels.layers.0.weight")]
)
def test_a_start_of_which_a_network_lacks_a_layer_is_refused(finished, tmp_path, network, layer):
    saved = checkpoint(finished)
    del saved[network][layer]
    torch.save(saved, tmp_path / CHECKPOINT)
    with pytest.raises(RunError, match=r"does not hold these networks: .*layers\.0\.weight"):
        started(tmp_path)


def test_weights_without_an_attribute_that_the_training_teaches_are_refused_by_name(tmp_path):
    Editor(["A", "B"]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"{tmp_path.name} cannot be gone on from: it has no attribute Smiling"):
        started(tmp_path)


@pytest.mark.slow
def test_a_training_starts_with_the_weights_of_an_editor_and_the_discriminator_may_learn_first(
    run, classifier, narrow, tmp_path
):
    editor = Editor.from_pretrained(narrow)
    run(tmp_path, start=str(narrow), classifiers=str(classifier), lead_kimg=0.008)
    start = dict(editor.generator.named_parameters())
    start["directions"] = start["directions"][[editor.attributes.index(name) for name in SLIDERS]]
    led = tensors(tmp_path)
    assert all(torch.equal(led[name], value) for name, value in start.items())
    assert statistics(tmp_path)[-1]["d_loss"] != statistics(tmp_path)[0]["d_loss"]


def test_a_start_that_was_taught_edits_and_forgets_them_is_told(narrow, capsys):
    state = started(narrow)
    assert f"{narrow} was taught edits, which a training without --classifiers" in capsys.readouterr().out
    assert len(state.generator.directions) == 0


@pytest.mark.slow
def test_only_a_generator_that_was_not_taught_edits_gets_first_directions(finished, narrow, classifier, images):
    for source, is_taught in ((finished, False), (narrow, True)):
        training = Training(dataclasses.replace(TWO_STEPS, start=str(source), classifiers=str(classifier)))
        before = training.state.ema.directions.clone()
        training.edit_loss(images)
        assert torch.equal(training.state.ema.directions, before) == is_taught
        assert torch.equal(training.state.generator.directions, training.state.ema.directions)


def test_while_the_discriminator_leads_the_average_stands_still_as_the_generator_does(run, finished, tmp_path):
    run(tmp_path / "led", start=str(finished), lead_kimg=TWO_STEPS.kimg)
    assert equal(tensors(tmp_path / "led"), tensors(finished))
