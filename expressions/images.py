"""Pictures: the one place that knows [-1, 1], uint8 and PIL."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

IMAGE_SIZE = 64  # side of a face
ALIGNED_SIZE = (178, 218)  # width, height of an aligned CelebA image
FRAME_SIZE = (64, 78)  # the same image reduced so that its 178-pixel square becomes 64 pixels
RGB_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "1")  # Pillow's modes of 8 bits whose colours need no profile
FRAME_TOP = 7  # first row of that square in the frame


def to_unit(pixels: Tensor) -> Tensor:
    """Map uint8 pixels 0..255 to float32 in [-1, 1]."""
    return pixels.to(torch.float32) / 127.5 - 1.0


def to_uint8(images: Tensor) -> Tensor:
    """Map floats in [-1, 1] to the nearest uint8 level; values outside are clipped."""
    return ((images.detach().float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)


def to_pil(image: Tensor) -> Image.Image:
    """Turn one image (3, H, W) in [-1, 1] into an RGB picture."""
    return Image.fromarray(to_uint8(image).permute(1, 2, 0).cpu().numpy())


def grid(images: Tensor, columns: int) -> Image.Image:
    """Lay images (N, 3, H, W) in [-1, 1] out row by row, `columns` wide; an unfinished row ends white."""
    count, _, height, width = images.shape
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.paste(to_pil(image), (column * width, row * height))
    return sheet


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a PNG, whatever the name of the file."""
    picture.save(path, format="PNG", optimize=True)


def crop_face(picture: Image.Image, side: int = IMAGE_SIZE) -> np.ndarray:
    """Cut the central 178-pixel square of an aligned CelebA image, at 64x64 or a multiple.

    A 178x218 image is first reduced to the 64x78 frame, or to a multiple of it; a 64x78 frame is taken as it is. At 64
    pixels both then give rows 7 to 70, so the two sources show the same window, and so do all sides.

    Args:
        picture: 178x218 or, if the side is 64, 64x78 once it is turned as its EXIF says; see `to_rgb` for its mode.
        side: of the square, 64 or 128.

    Returns:
        (3, side, side) uint8.

    Raises:
        ValueError: the picture has another size, or cannot be made RGB.
    """
    picture = ImageOps.exif_transpose(picture)
    scale = side // IMAGE_SIZE
    sizes = (ALIGNED_SIZE, FRAME_SIZE) if scale == 1 else (ALIGNED_SIZE,)
    if picture.size not in sizes:
        width, height = picture.size
        expected = " or ".join(f"{wide}x{high}" for wide, high in sizes)
        raise ValueError(f"expected a picture of {expected} pixels (width x height), got {width}x{height}")
    frame = to_rgb(picture)
    if frame.size == ALIGNED_SIZE:
        frame = frame.resize((scale * FRAME_SIZE[0], scale * FRAME_SIZE[1]), Image.Resampling.LANCZOS)
    top = scale * FRAME_TOP
    face = frame.crop((0, top, side, top + side))
    return np.ascontiguousarray(np.asarray(face).transpose(2, 0, 1))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Make an 8-bit grey, palette or RGB picture, or a 16-bit grey one, an RGB picture.

    Transparent pixels are refused: no background is right for all, and the colour below them was not meant to be seen.
    So are modes that do not say what their numbers mean: CMYK needs a profile, floats and 32 bits have no known range.

    Raises:
        ValueError: the picture is one of these.
    """
    is_plain = picture.mode in RGB_MODES
    if picture.has_transparency_data and not (is_plain and np.asarray(picture.convert("RGBA"))[..., 3].min() == 255):
        raise ValueError("some pixels are transparent: put the picture on a background")
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8)).convert("RGB")  # 65535 is white
    if not is_plain:
        raise ValueError(f"cannot tell the colours of a picture of mode {picture.mode}: save it as RGB")
    return picture.convert("RGB")
