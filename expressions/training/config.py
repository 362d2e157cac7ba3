"""The options that several commands share, and those of adversarial training."""

import math
from dataclasses import dataclass

import torch

from ..attributes import HUB_DATASET
from ..latents import MAX_SEED
from ..networks.discriminators import Discriminator
from ..networks.generator import Generator
from ..networks.precision import has_fast_bf16
from .backbone import LITE0, LITES
from .options import Options, option, split_paths
from .trackers import TRACKERS

DEVICES = ("auto", "cpu", "cuda", "mps")
IDENTITIES = ("all", "even", "odd")
PRECISIONS = ("auto", "bf16", "fp32")
NO_BACKBONE = "none"


@dataclass(frozen=True, kw_only=True)
class DataOptions(Options):
    """Which faces to read."""

    data: str = option(HUB_DATASET, "Hub id or local folder of the faces")
    revision: str | None = option(None, "commit, tag or branch of the Hub data set; the default one is pinned")
    identities: str = option("all", "people to use: all, or those of an even or odd celeb_id", choices=IDENTITIES)
    limit: int | None = option(None, "use only the first faces, this many", above=0)
    streaming: bool = option(False, "read the first --limit faces without downloading the rest")


@dataclass(frozen=True, kw_only=True)
class DeviceOptions(Options):
    """Where to compute, and how precisely."""

    device: str = option("auto", "where to compute; auto takes CUDA, then Apple's GPU, then the CPU", choices=DEVICES)
    precision: str = option("auto", "autocast; auto takes bf16 where the hardware has it", choices=PRECISIONS)

    def resolve(self) -> torch.device:
        """The device.

        Raises:
            ValueError: this machine lacks the device.
        """
        available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        there = [name for name, is_there in available.items() if is_there]
        name = there[0] if self.device == "auto" else self.device
        if name not in there:
            raise ValueError(f"device: this machine has no {name}; it has {', '.join(there)}")
        return torch.device(name)

    def autocast(self, device: torch.device) -> torch.autocast:
        """Compute in bfloat16 where that is safe, if the precision asks for it; otherwise in float32."""
        bf16 = self.precision == "bf16" or (self.precision == "auto" and has_fast_bf16(device.type))
        return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


@dataclass(frozen=True, kw_only=True)
class GeneratorOptions(Options):
    """Whose faces."""

    generator: str = option("runs/gan/generator.safetensors", "the averaged generator of a training run")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(DataOptions, DeviceOptions):
    """Every option of adversarial training: its default, its meaning and the values it allows."""

    split: str = option("train", "split to train on")
    out: str = option("runs/gan", "run folder: options, statistics, sample grids, checkpoint, generator")
    resume: bool = option(False, "go on from the checkpoint in the run folder")
    kimg: float = option(1500.0, "length of the training, in thousands of generated images", above=0)
    tick_kimg: float = option(10.0, "thousands of images between two checkpoints with statistics and a grid", above=0)
    g_width: int = option(Generator.WIDTH, "feature maps of the generator at 64x64", above=0, most=Generator.MAX_WIDTH)
    d_width: int = option(Discriminator.WIDTH, "feature maps of the discriminator of pixels at 32x32", above=0)
    batch_size: int = option(
        32, "generated images in one step, all processes together; half are edits, if any are taught", least=2
    )
    # Rates and decays of projected GANs (Sauer et al. 2021, arXiv:2111.01007).
    g_lr: float = option(2e-4, "Adam's rate for the generator", above=0)
    d_lr: float = option(2e-4, "Adam's rate for the discriminators", above=0)
    cooldown: float = option(0.0, "share of the training, its last, in which the rates fall to 0", least=0, most=1)
    beta1: float = option(0.0, "Adam's first decay", least=0, below=1)
    beta2: float = option(0.99, "Adam's second decay", least=0, below=1)
    gamma: float = option(0.3, "weight of the gradient penalties on real (R1) and on generated images (R2)", least=0)
    penalty_batch: int = option(8, "real images of a batch, and as many generated, that carry the penalties", above=0)
    ema_kimg: float = option(10.0, "half-life of the averaged generator at most, in thousands of images", above=0)
    seed: int = option(0, "seed of the initial weights and of everything drawn during training", least=0, most=MAX_SEED)
    start: str | None = option(None, "run folder, or editor's weights (folder or Hub id), whose networks to start with")
    lead_kimg: float = option(
        0.0, "thousands of images that a new discriminator learns from, before a trained generator moves", least=0
    )
    backbone: str = option(
        LITE0,
        "networks trained on ImageNet through whose layers discriminators see a face (projected GAN), separated by "
        f"commas: {' or '.join(LITES)}, Hub ids or folders of backbones of the library transformers; or {NO_BACKBONE}",
        paths=True,
    )
    backbone_side: int = option(96, "to which faces are enlarged for the backbone", least=32, most=512)
    pixels_weight: float = option(0.1, "weight of each discriminator of pixels; heads over backbones have 1", least=0)
    moments_weight: float = option(
        4.0, "weight of the Frechet distance, a component, in the features of backbone and classifier", least=0
    )
    classifiers: str | None = option(
        None,
        "train edits: attribute classifiers that judge them, separated by commas; a discriminator sees through the "
        "first of them",
        paths=True,
    )
    # Both chosen by hand between trainings of the embedded weights, and never ablated.
    edit_weight: float = option(3.5, "weight of what an edit misses and of what it changes besides", least=0)
    change_weight: float = option(0.35, "weight of the mean change of a pixel by an edit", least=0)
    tracker: str = option("none", "also send the statistics to a tracker", choices=TRACKERS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lead_kimg and not self.start:
            raise ValueError("lead_kimg does nothing without start: give start too")
        if not self.pixels_weight and self.backbone == NO_BACKBONE and not self.classifiers:
            raise ValueError("pixels_weight 0 leaves no discriminator: give backbone or classifiers")
        if self.lead_kimg > self.kimg:
            raise ValueError(f"lead_kimg must be at most kimg, {self.kimg:g}, got {self.lead_kimg:g}")
        self.check_processes(1)

    def check_processes(self, count: int) -> None:
        """Refuse a batch that so many processes cannot share.

        Raises:
            ValueError: telling of what it must be a multiple.
        """
        unit = count * (2 if self.classifiers else 1)  # a face and its edit stay together
        pairs, judges = self.batch_size // unit, len(split_paths(self.classifiers))
        if pairs < 2 * judges:  # half of the pairs move two attributes
            least = 2 * judges * unit
            raise ValueError(f"batch_size must be at least {least} for {judges} classifiers, got {self.batch_size}")
        if self.batch_size % unit:
            why = f"for {count} processes" if count > 1 else "where edits are trained"
            raise ValueError(f"batch_size must be a multiple of {unit} {why}, got {self.batch_size}")

    @property
    def step_count(self) -> int:
        """Steps of the whole training."""
        return math.ceil(self.kimg * 1000 / self.batch_size)
