"""Who judges faces through networks from outside: whether they are real, sound, different and new."""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from expressions.networks.classifier import predict
from expressions.training.data import FaceDataset
from expressions.training.metrics import frechet_distance, neighbourhood_scores, ridge_probe

from . import outside
from .reports import OutsideFigures
from .tables import OUTSIDE


class PersonJudge:
    """Who is one person, by a face recogniser that confuses one in 1,000 pairs of the held-out people.

    Raises:
        ValueError: the recogniser's package is missing.
    """

    PEOPLE = 300  # faces of a set that are compared with each other and with training faces
    CONFUSED = 0.001  # share of pairs of different people that are taken for one: a usual rate of false matches

    def __init__(self, held_out: FaceDataset) -> None:
        self.recogniser = outside.FaceRecogniser()
        chosen = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))[: self.PEOPLE]
        different = torch.triu(held_out.people[chosen] != held_out.people[chosen, None], 1)
        self.limit = self._distances(held_out.images[chosen])[different].quantile(self.CONFUSED)

    def _distances(self, images: Tensor) -> Tensor:
        """Between all of the faces, (N, N)."""
        embedded = self.recogniser(images)
        return torch.cdist(embedded, embedded)

    def alike(self, images: Tensor) -> float:
        """Share of the pairs of uint8 faces (N, 3, 64, 64), of which as many are compared as PEOPLE says, that are
        taken for one person."""
        distances = self._distances(images[: self.PEOPLE])
        pairs = torch.triu(torch.ones_like(distances, dtype=torch.bool), 1)
        return (distances[pairs] < self.limit).double().mean().item()

    def same(self, first: Tensor, second: Tensor) -> float:
        """Share of uint8 faces (N, 3, 64, 64) that are taken for the same person as others, one by one."""
        distances = (self.recogniser(first) - self.recogniser(second)).norm(dim=1)
        return (distances < self.limit).double().mean().item()


class Scale:
    """Puts features (N, D) on a scale where those of the held-out faces have mean 0 and variance 1."""

    def __init__(self, held_out: Tensor) -> None:
        self.mean, self.deviation = held_out.mean(0), held_out.std(0) + 1e-6
        self.held_out = self(held_out)

    def __call__(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.deviation


class OutsideJudge:
    """The held-out faces as networks from outside see them.

    Args:
        held_out: faces, and who they show.
        training: (M, 3, 64, 64) uint8, to find copies of.
        device: that computes.
        quick: leave out WebP and the face recogniser, whose figures are then NaN.

    Raises:
        ValueError: a network's package is missing.
    """

    TRUSTED = 0.02  # share of the held-out faces that the detector doubts most
    REDUCED = 16  # side of the pictures by which the nearest training face is found

    def __init__(self, held_out: FaceDataset, training: Tensor, device: torch.device, quick: bool = False) -> None:
        self.network, self.detector = (
            network.to(device) for network in (outside.load_mobilenet(), outside.load_face_detector())
        )
        self.device, self.quick = device, quick
        self.scale = Scale(self._features(held_out.images))
        self.doubt = self._log_odds(held_out.images).quantile(self.TRUSTED)
        if not quick:
            self.webp_scale = Scale(self._features(through_webp(held_out.images)))
            self.persons = PersonJudge(held_out)
            self.training, self.reduced = training, self._reduce(training)

    def _features(self, images: Tensor) -> Tensor:
        return predict(self.network, images.to(self.device), outside.BATCH)

    def _log_odds(self, images: Tensor) -> Tensor:
        return predict(self.detector, images.to(self.device))[:, 0]

    def distance(self, images: Tensor) -> float:
        """Frechet distance of uint8 faces (N, 3, 64, 64) to the held-out ones, in MobileNetV2's features."""
        return frechet_distance(self.scale.held_out, self.scale(self._features(images)))

    def doubted(self, images: Tensor) -> float:
        """Share of uint8 faces (N, 3, 64, 64) that the detector doubts more than 98 % of the held-out ones."""
        return (self._log_odds(images) < self.doubt).double().mean().item()

    def _reduce(self, images: Tensor) -> Tensor:
        """Pixels of the faces at a small side, (N, 3 * REDUCED ** 2)."""
        return torch.cat(
            [adaptive_avg_pool2d(part.float(), self.REDUCED).flatten(1) for part in images.split(outside.BATCH)]
        )

    def copies(self, images: Tensor) -> float:
        """Share of faces that the recogniser takes for the same person as the training face or mirrored training face
        whose reduced pixels are nearest. Of uint8 (N, 3, 64, 64) as many are judged as PEOPLE says."""
        judged = images[: self.persons.PEOPLE].to(self.device)
        reduced = self._reduce(judged)
        mirrored = self._reduce(judged.flip(3))
        distances, rows = torch.stack([torch.cdist(one, self.reduced) for one in (reduced, mirrored)]).min(2)
        is_mirrored = distances[1] < distances[0]
        nearest = self.training[torch.where(is_mirrored, rows[1], rows[0])].cpu()
        nearest[is_mirrored.cpu()] = nearest[is_mirrored.cpu()].flip(3)
        return self.persons.same(judged, nearest)

    def assess(self, images: Tensor) -> OutsideFigures:
        """Measure uint8 faces (N, 3, 64, 64) against the held-out ones.

        Returns:
            `fd_mobilenet`: the Frechet distance in MobileNetV2's features, which have variance 1 over the held-out
            faces; `probe_accuracy` and `probe_auc`: how well a linear probe tells the two sets apart there; the same
            three where faces of both sides went through WebP of quality 85; `recall_mobilenet`; `doubted`: the share of
            faces that a face detector doubts more than 98 % of the held-out ones; `alike`: the share of pairs that a
            face recogniser takes for one person where it confuses one in 1,000 pairs of different people; `copies`.
        """
        figures = dict.fromkeys(OUTSIDE, math.nan)
        seen = self.scale(self._features(images))
        figures["fd_mobilenet"] = frechet_distance(self.scale.held_out, seen)
        figures["probe_accuracy"], figures["probe_auc"] = ridge_probe(self.scale.held_out, seen)
        figures["recall_mobilenet"] = neighbourhood_scores(self.scale.held_out, seen)["recall"]
        figures["doubted"] = self.doubted(images)
        if not self.quick:
            real, seen = self.webp_scale.held_out, self.webp_scale(self._features(through_webp(images)))
            figures["fd_mobilenet_webp"] = frechet_distance(real, seen)
            figures["probe_accuracy_webp"], figures["probe_auc_webp"] = ridge_probe(real, seen)
            figures["alike"], figures["copies"] = self.persons.alike(images), self.copies(images)
        return figures


def through_webp(images: Tensor) -> Tensor:
    """uint8 faces (N, 3, H, W) written as WebP and read again: differences that no compression keeps are gone."""
    seen = []
    for image in images.permute(0, 2, 3, 1).cpu().numpy():
        file = io.BytesIO()
        Image.fromarray(image).save(file, "WebP", quality=85)
        seen.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2)
