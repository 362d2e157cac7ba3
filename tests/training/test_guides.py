from pathlib import Path

import pytest

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.networks.files import digest
from expressions.training.backbone import LITE0, LITE2
from expressions.training.config import TrainConfig
from expressions.training.guides import load_guides


def test_the_first_classifier_both_judges_edits_and_is_seen_through(classifier):
    config = TrainConfig(classifiers=f"{classifier}, {classifier}", backbone="none")
    guides = load_guides(config)
    assert guides.attributes == tuple(CELEBA_ATTRIBUTES)
    assert guides.features == {"classifier": guides.classifiers[0]}
    assert guides.digests == {str(classifier): digest(Path(classifier))}
    assert guides.versions == {"classifier": digest(Path(classifier))}


def test_a_backbone_is_seen_through_where_edits_are_not_trained():
    guides = load_guides(TrainConfig(backbone_side=32))
    assert list(guides.features) == ["backbone"]
    assert guides.versions == load_guides(TrainConfig(backbone=LITE0, backbone_side=32)).versions
    assert guides.versions != load_guides(TrainConfig(backbone_side=64)).versions
    assert (guides.classifiers, guides.attributes) == ((), ())


def test_several_backbones_are_seen_through_side_by_side():
    guides = load_guides(TrainConfig(backbone=f"{LITE0}, {LITE2}", backbone_side=32))
    assert list(guides.features) == list(guides.versions) == ["backbone", "backbone1"]
    assert guides.versions["backbone"] != guides.versions["backbone1"]


def test_every_network_is_moved_to_the_device(classifier):
    guides = load_guides(TrainConfig(classifiers=str(classifier)), device="meta")
    networks = [*guides.classifiers, *guides.features.values()]
    assert len(networks) == 3
    assert all(parameter.is_meta for network in networks for parameter in network.parameters())


def test_classifiers_that_cannot_be_used_are_named(classifier, tmp_path):
    other = tmp_path / "other"
    save_classifier(AttributeClassifier(2), ["A", "B"], other)
    for classifiers, reason in (
        (f"{classifier},{other}", "classifiers must score the same attributes"),
        (str(other), "classifiers must score Smiling, which the training teaches: .*other"),
    ):
        with pytest.raises(ValueError, match=reason):
            load_guides(TrainConfig(classifiers=classifiers))
