import dataclasses

import pytest
import torch

from expressions.images import to_unit
from expressions.networks.classifier import AttributeClassifier, load_classifier, predict, save_classifier
from expressions.training.classifier_fit import ClassifierConfig, accuracy, fit_classifier

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


def test_it_learns_what_the_pixels_show(fitted, faces):
    images, labels = faces
    assert accuracy(predict(fitted, images), labels).min() > 0.95


def test_the_maps_are_what_the_scores_come_from(fitted, faces):
    images = to_unit(faces[0][:2])
    maps = fitted.maps(images)
    assert [seen.shape[1:] for seen in maps] == [(channels, side, side) for channels, side in fitted.MAPS]
    assert torch.allclose(fitted.head(maps[-1].mean((2, 3))), fitted(images), atol=1e-5)


def test_the_same_seed_fits_the_same_classifier(fitted, faces):
    again = fit_classifier(*faces, CONFIG)
    assert all(torch.equal(a, b) for a, b in zip(fitted.parameters(), again.parameters(), strict=True))


def test_a_fitted_classifier_is_ready_to_measure(fitted):
    assert not fitted.training
    assert not any(parameter.requires_grad for parameter in fitted.parameters())


def test_accuracy_counts_each_attribute():
    logits = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    assert accuracy(logits, torch.tensor([[True, True], [True, True]])).tolist() == [1.0, 0.5]


def test_a_saved_classifier_comes_back_with_its_names(fitted, tmp_path):
    save_classifier(fitted, ["Bright", "Green"], tmp_path / "classifier.safetensors")
    loaded, attributes = load_classifier(tmp_path / "classifier.safetensors")
    assert attributes == ("Bright", "Green")
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in fitted.state_dict().items())


def test_a_saved_classifier_is_as_readable_as_other_files(fitted, tmp_path):
    save_classifier(fitted, ["Bright", "Green"], tmp_path / "classifier.safetensors")
    (tmp_path / "other").touch()
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_file_that_is_no_classifier_is_named(tmp_path):
    (tmp_path / "classifier.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"classifier.safetensors does not hold an attribute classifier"):
        load_classifier(tmp_path / "classifier.safetensors")


def test_too_few_faces_are_refused(faces):
    with pytest.raises(ValueError, match="at least one batch of 512 faces, got 256"):
        fit_classifier(*faces, dataclasses.replace(CONFIG, batch_size=512))


def test_a_fit_that_is_no_longer_finite_ends_in_an_error(faces):
    with pytest.raises(FloatingPointError, match="the loss is not finite; try a lower rate than 1e\\+30"):
        fit_classifier(*faces, dataclasses.replace(CONFIG, epochs=2, lr=1e30))


def test_one_logit_an_attribute():
    assert AttributeClassifier(40).eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 40)
