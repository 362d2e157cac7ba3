import hashlib
from pathlib import Path

import pytest

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.networks.identity import IdentityEmbedding
from expressions.training.config import TrainConfig
from expressions.training.guides import load_guides


def test_what_both_judges_edits_and_is_seen_through_is_one_network(classifier, identity):
    features = f"{identity},{classifier}"
    guides = load_guides(TrainConfig(classifiers=str(classifier), identity=str(identity), features=features))
    assert guides.attributes == tuple(CELEBA_ATTRIBUTES)
    assert guides.features[0] is guides.identity
    assert guides.features[1] is guides.classifiers[0]


def test_a_network_that_is_only_seen_through_judges_no_edit(classifier, identity):
    guides = load_guides(TrainConfig(features=f"{classifier}, {identity}"))
    assert [type(network) for network in guides.features] == [AttributeClassifier, IdentityEmbedding]
    assert (guides.classifiers, guides.attributes, guides.identity) == ((), (), None)
    digests = {str(path): hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (classifier, identity)}
    assert guides.digests == digests
    assert guides.features_digest == ",".join(digests.values())


def test_every_network_is_moved_to_the_device(classifier, identity):
    features = f"{classifier},{identity}"
    for config in (
        TrainConfig(classifiers=f"{classifier},{classifier}", identity=str(identity)),
        TrainConfig(features=features),
    ):
        guides = load_guides(config, device="meta")
        networks = [*guides.classifiers, *guides.features, *filter(None, [guides.identity])]
        assert networks
        assert all(parameter.is_meta for network in networks for parameter in network.parameters())


def test_classifiers_that_cannot_be_used_are_named(classifier, tmp_path):
    other = tmp_path / "other"
    save_classifier(AttributeClassifier(2), ["A", "B"], other)
    for classifiers, reason in (
        (f"{classifier},{other}", "classifiers must score the same attributes"),
        (str(tmp_path / "missing"), "missing does not hold an attribute classifier"),
        (str(other), "classifiers must score Smiling, which the training teaches: .*other"),
    ):
        with pytest.raises(ValueError, match=reason):
            load_guides(TrainConfig(classifiers=classifiers))
    with pytest.raises(ValueError, match="missing does not hold an identity embedding"):
        load_guides(TrainConfig(classifiers=str(classifier), identity=str(tmp_path / "missing")))


@pytest.mark.parametrize("name", ["torn", "missing", "empty"])
def test_features_that_cannot_be_used_are_named(identity, tmp_path, name):
    (tmp_path / "torn").write_bytes(identity.read_bytes()[:-100])
    (tmp_path / "empty").touch()
    reasons = f"{name} does not hold an attribute classifier.*{name} does not hold an identity embedding"
    with pytest.raises(ValueError, match=reasons):
        load_guides(TrainConfig(features=f"{identity},{tmp_path / name}"))
