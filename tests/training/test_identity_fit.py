import dataclasses

import pytest
import torch
from torch.nn.functional import normalize

from expressions.networks.classifier import predict
from expressions.networks.identity import IdentityEmbedding
from expressions.training.classifier_fit import ClassifierConfig
from expressions.training.identity_fit import fit_identity, margin_loss, verification

CONFIG = ClassifierConfig(epochs=8, batch_size=32, lr=5e-3, device="cpu", precision="fp32")
ONCE = dataclasses.replace(CONFIG, epochs=1)


def people_of(count, seed):
    """Pictures (count, 3, 64, 64) uint8 of eight people, each of one colour, in any light; and who they show."""
    random = torch.Generator().manual_seed(seed)
    people = torch.randint(8, (count,), generator=random)
    colours = torch.stack([people & 1, people >> 1 & 1, people >> 2], 1)[:, :, None, None]
    light = torch.randint(0, 120, (count, 1, 1, 1), generator=random)
    noise = torch.randint(0, 80, (count, 3, 64, 64), generator=random)
    return (50 * colours + light + noise).to(torch.uint8), people * 10


def weights(images, people, config=ONCE):
    return fit_identity(images, people, config).network.head[1].weight


@pytest.mark.slow
def test_two_pictures_of_a_person_are_closer_than_those_of_two():
    fitted = fit_identity(*people_of(256, seed=0), CONFIG)
    assert not fitted.training
    images, people = people_of(64, seed=1)
    assert verification(predict(fitted, images), people) > 0.95
    torch.manual_seed(0)
    assert verification(predict(IdentityEmbedding().eval(), images), people) < 0.8


@pytest.mark.slow
def test_the_same_seed_fits_the_same_embedding_and_another_another():
    some = people_of(64, seed=0)
    first = weights(*some)
    assert torch.equal(first, weights(*some))
    assert not torch.equal(first, weights(*some, dataclasses.replace(ONCE, seed=1)))


@pytest.mark.slow
def test_who_is_seen_once_teaches_nothing():
    images, people = people_of(64, seed=0)
    strangers, _ = people_of(8, seed=1)
    beside = weights(torch.cat([images, strangers]), torch.cat([people, 1000 + torch.arange(8)]))
    assert torch.equal(weights(images, people), beside)
    with pytest.raises(ValueError, match="needs people who are seen twice: 32 faces show none"):
        fit_identity(images[:32], torch.arange(32), CONFIG)


def test_the_right_person_must_be_closer_by_a_margin():
    cosines = torch.tensor([[0.5, 0.3]])
    level = margin_loss(cosines, torch.tensor([0])).item()
    assert level == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-5)  # 0.5 - 0.2 is no more than 0.3
    assert margin_loss(torch.tensor([[0.9, 0.3]]), torch.tensor([0])) < 0.01


def test_verification_counts_pairs_in_the_right_order():
    vectors = normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
    assert verification(vectors, torch.tensor([0, 0, 1, 1])) == 1
    assert verification(vectors, torch.tensor([0, 1, 0, 1])) < 0.5


@pytest.mark.parametrize("people", [[0, 1, 2, 3], [5, 5, 5, 5]])
def test_verification_needs_both_kinds_of_pairs(people):
    with pytest.raises(ValueError, match="verification needs pairs of one person and pairs of two, 4 faces"):
        verification(normalize(torch.rand(4, 3), dim=1), torch.tensor(people))
