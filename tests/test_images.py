import io

import numpy as np
import pytest
import torch
from drawn_faces import draw_face
from PIL import Image, ImageOps

from expressions.images import ALIGNED_SIZE, FRAME_SIZE, crop_face, grid, save_png, to_pil, to_uint8, to_unit


def test_every_grey_level_survives_the_way_to_floats_and_back():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_unit(levels)), levels)
    assert to_unit(levels).aminmax() == (-1.0, 1.0)


def test_floats_outside_the_range_are_clipped():
    assert to_uint8(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]


def test_a_full_image_and_its_frame_give_the_same_window():
    full = draw_face(3)
    frame = full.resize(FRAME_SIZE, Image.Resampling.LANCZOS)
    assert np.array_equal(crop_face(full), crop_face(frame))


def test_a_larger_face_shows_the_same_window():
    full = draw_face(3)
    large = crop_face(full, 128)
    assert large.shape == (3, 128, 128)
    reduced = Image.fromarray(large.transpose(1, 2, 0)).resize((64, 64), Image.Resampling.LANCZOS)
    difference = np.abs(crop_face(full).astype(int) - np.asarray(reduced).transpose(2, 0, 1))
    assert difference.mean() < 1
    with pytest.raises(ValueError, match=r"expected a picture of 178x218 pixels \(width x height\), got 64x78"):
        crop_face(full.resize(FRAME_SIZE), 128)


def test_the_window_is_the_178_pixel_square():
    full = draw_face(3)
    square = full.crop((0, 20, 178, 198)).resize((64, 64), Image.Resampling.LANCZOS)
    difference = np.abs(crop_face(full).astype(int) - np.asarray(square).transpose(2, 0, 1))
    assert difference.mean() < 3  # half a source pixel of vertical offset, at drawn edges


def test_a_frame_is_cut_without_resampling():
    rows = np.arange(78, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(3, 2)
    face = crop_face(Image.fromarray(rows))
    assert face.shape == (3, 64, 64)
    assert face[0, :, 0].tolist() == list(range(7, 71))


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return Image.open(file)


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA"])
def test_what_an_8_bit_picture_shows_is_what_is_read(mode):
    picture = encoded(draw_face(1).convert(mode), "PNG")
    assert picture.mode == mode
    assert np.array_equal(crop_face(picture), crop_face(picture.convert("RGB")))


def test_a_16_bit_grey_picture_is_as_bright_as_its_8_bits():
    grey = draw_face(1).convert("L")
    deep = encoded(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG")
    assert deep.mode == "I;16"
    assert np.array_equal(crop_face(deep), crop_face(grey))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(orientation):
    upright, exif = draw_face(1), Image.Exif()
    exif[0x112] = orientation
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    tag = Image.Exif()
    tag[0x112] = inverse
    turned = ImageOps.exif_transpose(encoded(upright, "PNG", exif=tag))
    assert np.array_equal(crop_face(encoded(turned, "PNG", exif=exif)), crop_face(upright))


def transparent(mode):
    picture = draw_face(1).convert("RGBA")
    picture.putpixel((80, 100), (255, 0, 0, 0))
    return encoded(picture.convert(mode), "PNG")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (lambda: transparent("RGBA"), "some pixels are transparent"),
        (lambda: transparent("LA"), "some pixels are transparent"),
        (lambda: encoded(Image.new("P", ALIGNED_SIZE), "PNG", transparency=0), "some pixels are transparent"),
        (lambda: encoded(Image.new("RGB", ALIGNED_SIZE), "PNG", transparency=(0, 0, 0)), "some pixels are transparent"),
        (lambda: Image.new("F", ALIGNED_SIZE, 0.5), "colours of a picture of mode F: save it as RGB"),
        (lambda: Image.new("I", ALIGNED_SIZE, 70_000), "mode I: save"),
        (lambda: encoded(draw_face(1).convert("CMYK"), "JPEG"), "mode CMYK: save"),
        (lambda: encoded(draw_face(1).convert("LAB"), "TIFF"), "mode LAB: save"),
    ],
)
def test_colours_that_cannot_be_told_are_refused(picture, message):
    with pytest.raises(ValueError, match=message):
        crop_face(picture())


def test_another_size_is_refused_with_both_sizes_named():
    with pytest.raises(ValueError, match="178x218 or 64x78.*got 100x100"):
        crop_face(Image.new("RGB", (100, 100)))


def test_a_grid_lays_images_out_row_by_row():
    images = torch.stack([torch.full((3, 2, 2), value) for value in (-1.0, 0.0, 1.0)])
    sheet = np.asarray(grid(images, columns=2))
    assert sheet.shape == (4, 4, 3)
    assert [sheet[0, 0, 0], sheet[0, 2, 0], sheet[2, 0, 0], sheet[2, 2, 0]] == [0, 128, 255, 255]


def test_a_saved_png_holds_the_same_pixels_and_leaves_nothing_else(tmp_path):
    picture = to_pil(torch.rand(3, 8, 8) * 2 - 1)
    save_png(picture, tmp_path / "face.png")
    assert [path.name for path in tmp_path.iterdir()] == ["face.png"]
    with Image.open(tmp_path / "face.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(picture))
