"""The fit of the lens: to sharp faces and to generated ones, against a discriminator of patches."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..images import IMAGE_SIZE, to_uint8, to_unit
from ..latents import Z_DIM
from ..networks.discriminators import PatchDiscriminator
from ..networks.files import save_network
from ..networks.generator import BATCH, load_generator
from ..networks.lens import FACTOR, Lens, bicubic
from ..networks.precision import channels_last
from .backbone import LITE0, Backbone, load_backbone
from .config import DataOptions
from .data import load_large_faces
from .fits import PROGRESS, FitOptions, descend, prepare, run_passes
from .losses import d_hinge_loss, g_hinge_loss
from .options import option, split_paths

FAKES = 2000  # of each generator
EARLY = 2  # maps of the backbone, its finest, by which pictures are compared
_LAG = 0.1  # the discriminator's rate by the lens's; chosen by hand
_ROWS = 500  # pictures that are measured at a time


@dataclass(frozen=True, kw_only=True)
class LensConfig(DataOptions, FitOptions):
    """Every option of the lens's fit. The weights of its losses were chosen by hand."""

    split: str = option("train", "split to fit on")
    test_split: str = option("valid", "split to report the distances on")
    limit: int | None = option(40_000, "use only the first faces, this many", above=0)
    side: int = option(
        2 * IMAGE_SIZE,
        "of the true faces: 128 pixels, cut from 178x218 pictures, or 64, where the data has 64x78 pictures alone: the "
        "lens then learns to enlarge faces of 32 pixels, and is used on larger ones",
        choices=(2 * IMAGE_SIZE, IMAGE_SIZE),
    )
    sharpest: float = option(0.2, "share of the faces to fit on, the sharpest", above=0, most=1)
    generator: str = option(
        "runs/gan/generator.safetensors",
        "averaged generators of trainings, separated by commas, whose faces the lens is to enlarge as well",
        paths=True,
    )
    backbone: str = option(LITE0, "network trained on ImageNet by whose first layers pictures are compared")
    out: str = option("runs/lens", "folder for the lens and its distances")
    epochs: int = option(2, "passes over the faces", above=0)
    batch_size: int = option(24, "true faces in one step; half as many generated ones come along", least=2)
    feature_weight: float = option(0.3, "weight of the distance in the backbone; the one of pixels has 1", least=0)
    patch_weight: float = option(0.03, "weight of what the discriminator of patches says", least=0)


def run_lens(config: LensConfig) -> str:
    """Fit the lens and report how close it comes to true faces."""
    out = prepare(config, config.out)
    backbone = load_backbone(config.backbone, config.side, EARLY)
    faces, test_faces = (
        sharpest(load_large_faces(config, split, config.side), config.sharpest)
        for split in (config.split, config.test_split)
    )
    lens = fit_lens(faces, draw_fakes(config), backbone, config, out / PROGRESS)
    backbone.cpu()
    report: dict[str, float] = {"faces": len(test_faces), "side": config.side}
    report |= {f"{name}_lens": value for name, value in distances(lens, test_faces, backbone).items()}
    report |= {f"{name}_bicubic": value for name, value in distances(bicubic, test_faces, backbone).items()}
    (out / "distances.json").write_text(json.dumps(report, indent=2) + "\n")
    save_network(lens, out / "lens.safetensors")
    (out / PROGRESS).unlink(missing_ok=True)
    return "\n".join(f"{name:16} {round(value, 4)}" for name, value in report.items())


def sharpest(images: Tensor, share: float) -> Tensor:
    """The sharpest share of images (N, 3, H, W) uint8, in their order: those whose brightness bends the most for how
    much it changes. What was enlarged or compressed before, as many of CelebA's pictures were, bends less."""
    bends = torch.cat([_bend(to_unit(batch).mean(1)) for batch in images.split(_ROWS)])
    count = max(1, round(share * len(images)))
    return images[bends.topk(count).indices.sort().values]


def _bend(grey: Tensor) -> Tensor:
    """Mean second difference of neighbours by the mean first one: (N, H, W) -> (N,)."""
    slope, bend = (
        torch.stack([grey.diff(order, axis).abs().mean((1, 2)) for axis in (1, 2)]).sum(0) for order in (1, 2)
    )
    return bend / slope.clamp(min=1e-6)


@torch.no_grad()
def draw_fakes(config: LensConfig) -> Tensor:
    """Faces that the lens is to enlarge, of each generator as many: (N, 3, side / 2, side / 2) uint8.

    Raises:
        WeightsError: a file does not hold a generator.
    """
    rng = torch.Generator().manual_seed(config.seed)
    generators = [load_generator(Path(path)) for path in split_paths(config.generator)]
    z = torch.rand(FAKES, Z_DIM, generator=rng) * 2 - 1
    images = [generator(batch) for generator in generators for batch in z.split(BATCH)]
    return reduced(to_uint8(torch.cat(images)), config.side // FACTOR)


def reduced(images: Tensor, side: int) -> Tensor:
    """Square images (N, 3, S, S) uint8 at another side, by the filter with which faces are cut from pictures."""
    pictures = (Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images)
    small = [np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS)) for picture in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous()


def fit_lens(faces: Tensor, fakes: Tensor, backbone: Backbone, config: LensConfig, progress: Path) -> Lens:
    """Fit a lens, as `fit_labels` fits a network: its progress and its errors are the same.

    Args:
        faces: true ones, (N, 3, side, side) uint8. The lens sees them at half of the side.
        fakes: (M, 3, side / 2, side / 2) uint8, whose enlargement nobody knows: the discriminator alone judges it.
        backbone: by whose maps pictures are compared.
    """
    batch_size = config.batch_size
    if len(faces) < batch_size:
        raise ValueError(f"fitting needs at least one batch of {batch_size} sharp faces, got {len(faces)}")
    device = config.resolve()
    torch.manual_seed(config.seed)
    rng = torch.Generator(device).manual_seed(config.seed)
    lens, discriminator = channels_last(Lens()).to(device), channels_last(PatchDiscriminator()).to(device)
    halves = reduced(faces, faces.shape[-1] // FACTOR)
    backbone, (faces, halves, fakes) = backbone.to(device), (part.to(device) for part in (faces, halves, fakes))
    steps = len(faces) // batch_size
    parts: dict[str, Any] = {"lens": lens, "discriminator": discriminator}
    for name, lr in (("lens", config.lr), ("discriminator", _LAG * config.lr)):
        parts[f"{name}_optimizer"] = optimizer = torch.optim.Adam(parts[name].parameters(), lr, (0.9, 0.99))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps * config.epochs)
        parts[f"{name}_schedule"] = schedule

    def step(index: Tensor) -> Tensor:
        some = torch.randint(len(fakes), (batch_size // 2,), generator=rng, device=device)
        true, small = to_unit(faces[index]), to_unit(torch.cat([halves[index], fakes[some]]))
        if torch.rand((), generator=rng, device=device) < 0.5:
            true, small = true.flip(3), small.flip(3)
        discriminator.requires_grad_(False)
        with config.autocast(device):
            large = lens(small)
            ours = large[:batch_size]
            loss = (ours - true).abs().mean() + config.patch_weight * g_hinge_loss(discriminator(large).float())
            loss = loss + config.feature_weight * feature_distance(backbone, ours, true)
        descend(loss, parts["lens_optimizer"], parts["lens_schedule"])

        discriminator.requires_grad_(True)
        with config.autocast(device):
            logits = [discriminator(images).float() for images in (true, large.detach())]
        descend(d_hinge_loss(*logits), parts["discriminator_optimizer"], parts["discriminator_schedule"])
        return loss

    run_passes(step, (faces, fakes), parts, rng=rng, config=config, progress=progress)
    return lens.cpu().eval().requires_grad_(False)


def feature_distance(backbone: Backbone, images: Tensor, true: Tensor) -> Tensor:
    """How far images are from true ones in a backbone's maps, relative to the size of these: a scalar, 0 if equal."""
    with torch.no_grad():
        wanted = backbone.maps(true)
    pairs = zip(backbone.maps(images), wanted, strict=True)
    shares = [(seen - right).float().abs().mean() / right.float().abs().mean() for seen, right in pairs]
    return torch.stack(shares).mean()


@torch.no_grad()
def distances(enlarge: Callable[[Tensor], Tensor], faces: Tensor, backbone: Backbone) -> dict[str, float]:
    """How far faces (N, 3, side, side) uint8 are from what is made of them at half of the side: in their pixels, as the
    ratio of signal to noise in decibels (PSNR), and in a backbone's maps."""
    decibels, features = [], []
    for batch in faces.split(_ROWS):
        true = to_unit(batch)
        images = enlarge(to_unit(reduced(batch, faces.shape[-1] // FACTOR)))
        decibels += (10 * (4 / (images - true).square().mean((1, 2, 3)).clamp(min=1e-10)).log10()).tolist()
        features += [feature_distance(backbone, images, true).item()] * len(batch)
    return {"psnr": sum(decibels) / len(faces), "features": sum(features) / len(faces)}
