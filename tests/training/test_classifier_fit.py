import dataclasses

import pytest
import torch

from expressions.networks.classifier import predict
from expressions.training import fits
from expressions.training.classifier_fit import ClassifierConfig, accuracy, fit_classifier
from expressions.training.fits import PROGRESS, prepare

CONFIG = ClassifierConfig(epochs=6, batch_size=32, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def faces():
    """Noise whose left half is brighter where the first attribute is present, and darker green for the second."""
    random = torch.Generator().manual_seed(0)
    labels = torch.rand(256, 2, generator=random) < 0.5
    images = torch.randint(60, 190, (256, 3, 64, 64), dtype=torch.uint8, generator=random)
    images[:, 0] += 60 * labels[:, 0, None, None].to(torch.uint8)
    images[:, 1] -= 60 * labels[:, 1, None, None].to(torch.uint8)
    return images, labels


@pytest.fixture(scope="module")
def fitted(faces):
    return fit_classifier(*faces, CONFIG)


@pytest.mark.slow
def test_it_learns_what_the_pixels_show_and_is_ready_to_measure(fitted, faces):
    images, labels = faces
    assert accuracy(predict(fitted, images), labels).min() > 0.95
    assert not fitted.training
    assert not any(parameter.requires_grad for parameter in fitted.parameters())


@pytest.mark.slow
def test_a_fit_that_was_stopped_ends_in_the_same_classifier(fitted, faces, tmp_path, monkeypatch):
    keep = fits.keep_progress

    def stop_after_two(*arguments):
        keep(*arguments)
        if arguments[-1]["done"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fits, "keep_progress", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        fit_classifier(*faces, CONFIG, tmp_path / PROGRESS)
    monkeypatch.undo()
    images, labels = faces
    for others, count in (((images[1:], labels[1:]), 255), ((images, ~labels), 256)):
        with pytest.raises(ValueError, match=f"was started with other data: 256 faces, SHA-256 .*; now {count} faces"):
            fit_classifier(*others, CONFIG, tmp_path / PROGRESS)
    resumed = fit_classifier(*faces, CONFIG, tmp_path / PROGRESS)
    assert all(torch.equal(a, b) for a, b in zip(fitted.parameters(), resumed.parameters(), strict=True))


def test_an_unfinished_fit_is_not_gone_on_with_by_other_options(tmp_path):
    prepare(CONFIG, str(tmp_path))
    (tmp_path / PROGRESS).write_bytes(b"")
    prepare(CONFIG, str(tmp_path))
    with pytest.raises(ValueError, match=r"was started with lr=0.002 \(now 0.1\)"):
        prepare(dataclasses.replace(CONFIG, lr=0.1), str(tmp_path))


def test_accuracy_counts_each_attribute():
    logits = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    assert accuracy(logits, torch.tensor([[True, True], [True, True]])).tolist() == [1.0, 0.5]


def test_too_few_faces_are_refused(faces):
    with pytest.raises(ValueError, match="at least one batch of 512 faces, got 256"):
        fit_classifier(*faces, dataclasses.replace(CONFIG, batch_size=512))


@pytest.mark.slow
def test_a_fit_that_is_no_longer_finite_ends_in_an_error(faces):
    with pytest.raises(FloatingPointError, match="the loss is not finite; try a lower rate than 1e\\+30"):
        fit_classifier(*faces, dataclasses.replace(CONFIG, epochs=2, lr=1e30))
