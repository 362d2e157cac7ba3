"""Small trainings, and the networks that guide them."""

import dataclasses

import pytest
import torch
from toy_trainings import TWO_STEPS, toy_images

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.training.loop import Training


@pytest.fixture(scope="session")
def images():
    return toy_images()


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """The path of a classifier of all attributes that was never fitted."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("classifier") / "classifier.safetensors"
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, path)
    return path


@pytest.fixture(scope="session")
def run(images):
    """Train for two steps, or otherwise, in a folder."""

    def run(folder, **changes):
        return Training(dataclasses.replace(TWO_STEPS, out=str(folder), **changes)).run(images)

    return run


@pytest.fixture(scope="session")
def finished(run, tmp_path_factory):
    """The folder of a run of two steps."""
    folder = tmp_path_factory.mktemp("run")
    run(folder)
    return folder
