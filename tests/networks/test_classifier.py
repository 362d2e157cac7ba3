import pytest
import torch

from expressions import WeightsError
from expressions.networks.classifier import AttributeClassifier, load_classifier, save_classifier
from expressions.networks.files import save_network


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return AttributeClassifier(2).eval().requires_grad_(False)


def test_the_maps_are_what_the_scores_come_from(classifier):
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    maps = classifier.maps(images)
    assert [seen.shape[1:] for seen in maps] == [(channels, side, side) for channels, side in classifier.MAPS]
    assert torch.allclose(classifier.head(maps[-1].mean((2, 3))), classifier(images), atol=1e-5)


def test_a_saved_classifier_comes_back_with_its_names(classifier, tmp_path):
    save_classifier(classifier, ["Bright", "Green"], tmp_path / "classifier.safetensors")
    loaded, attributes = load_classifier(tmp_path / "classifier.safetensors")
    assert attributes == ("Bright", "Green")
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in classifier.state_dict().items())


def test_a_saved_classifier_is_as_readable_as_other_files(classifier, tmp_path):
    save_classifier(classifier, ["Bright", "Green"], tmp_path / "classifier.safetensors")
    (tmp_path / "other").touch()
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_file_that_is_no_classifier_is_named(classifier, tmp_path):
    path = tmp_path / "classifier.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"classifier.safetensors does not hold an attribute classifier: Error"):
        load_classifier(path)
    save_network(classifier, path)
    with pytest.raises(WeightsError, match=r"classifier.safetensors does not hold .*: no names of attributes"):
        load_classifier(path)


def test_one_logit_an_attribute():
    assert AttributeClassifier(40).eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 40)
