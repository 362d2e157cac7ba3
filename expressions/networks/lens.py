"""The lens: a face of twice the side, which shows the same face where it is reduced again."""

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pixel_shuffle

from ..errors import weights_errors
from .files import load_tensors, read_tensors
from .precision import channels_last

FACTOR = 2  # by which a lens enlarges


class Lens(nn.Module):
    """Convolutions at the side of the face, the last of which draws four pixels for each (Shi et al. 2016,
    arXiv:1609.05158; Wang et al. 2021, arXiv:2107.10833, SRVGGNet).

    They add to the bicubically enlarged face. What they may add is bounded: the mean of the four pixels is the pixel
    that they replace, so that nothing which is measured changes.
    """

    FEATURES, LAYERS = 24, 6  # 24,000 parameters; 5 ms a face on one core

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, self.FEATURES, 3, padding=1), nn.PReLU(self.FEATURES)]
        for _ in range(self.LAYERS - 2):
            layers += [nn.Conv2d(self.FEATURES, self.FEATURES, 3, padding=1), nn.PReLU(self.FEATURES)]
        last = nn.Conv2d(self.FEATURES, 3 * FACTOR**2, 3, padding=1)
        for parameter in last.parameters():  # a new lens adds nothing
            nn.init.zeros_(parameter)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge images (N, 3, H, W) -> (N, 3, 2H, 2W), all in [-1, 1]; the mean of four pixels is the old one."""
        return with_means(bicubic(images) + pixel_shuffle(self.layers(images), FACTOR), images)


def bicubic(images: Tensor) -> Tensor:
    """Enlarge images (N, 3, H, W) smoothly -> (N, 3, 2H, 2W)."""
    return interpolate(images, scale_factor=FACTOR, mode="bicubic", align_corners=False)


def with_means(large: Tensor, images: Tensor) -> Tensor:
    """Give every four pixels the mean of one: large (N, 3, 2H, 2W), images (N, 3, H, W) in [-1, 1].

    What sets the four apart stays, but for what would leave [-1, 1].
    """
    detail = large - _spread(avg_pool2d(large, FACTOR))
    up, down = max_pool2d(detail, FACTOR), max_pool2d(-detail, FACTOR)
    share = ((1 - images) / up.clamp(min=1e-6)).minimum((1 + images) / down.clamp(min=1e-6)).clamp(0, 1)
    return (_spread(images) + _spread(share) * detail).clamp(-1, 1)


def _spread(images: Tensor) -> Tensor:
    """Each pixel four times."""
    return interpolate(images, scale_factor=FACTOR, mode="nearest")


def load_lens(path: Path) -> Lens:
    """Read a lens that `save_network` wrote, in evaluation mode.

    Raises:
        WeightsError: the file is missing or does not hold a lens.
    """
    lens = Lens()
    with weights_errors(f"{path} does not hold a lens"):
        load_tensors(lens, read_tensors(path)[0])
    return channels_last(lens.eval().requires_grad_(False))
