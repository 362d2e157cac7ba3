import hashlib
from pathlib import Path

import pytest

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.networks.identity import IdentityEmbedding, save_identity
from expressions.training.guides import load_guides


@pytest.fixture
def paths(tmp_path):
    classifier, identity = tmp_path / "classifier.safetensors", tmp_path / "identity.safetensors"
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, classifier)
    save_identity(IdentityEmbedding(), identity)
    return str(classifier), str(identity)


def test_what_both_holds_and_is_seen_through_is_one_network(paths):
    classifier, identity = paths
    guides = load_guides(classifiers=classifier, identity=identity, features=f"{identity},{classifier}")
    assert guides.attributes == tuple(CELEBA_ATTRIBUTES)
    assert guides.features[0] is guides.identity
    assert guides.features[1] is guides.classifiers[0]


def test_a_network_that_is_only_seen_through_holds_nothing(paths):
    classifier, identity = paths
    guides = load_guides(classifiers=None, identity=None, features=f"{classifier}, {identity}")
    assert [type(network) for network in guides.features] == [AttributeClassifier, IdentityEmbedding]
    assert (guides.classifiers, guides.attributes, guides.identity) == ((), (), None)
    assert guides.digests == {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


@pytest.mark.parametrize("role", ["classifiers", "identity", "features"])
def test_every_network_is_moved_to_the_device(paths, role):
    classifier, identity = paths
    given = {"classifiers": f"{classifier},{classifier}", "identity": identity, "features": f"{classifier},{identity}"}
    guides = load_guides(**dict.fromkeys(given) | {role: given[role]}, device="meta")
    networks = [guides.identity] if role == "identity" else getattr(guides, role)
    assert networks
    assert all(parameter.is_meta for network in networks for parameter in network.parameters())
