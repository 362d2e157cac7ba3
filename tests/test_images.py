import numpy as np
import pytest
import torch
from drawn_faces import draw_face
from PIL import Image

from expressions.images import FRAME_SIZE, crop_face, grid, save_png, to_pil, to_uint8, to_unit


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


def test_grey_pictures_become_rgb():
    assert crop_face(draw_face(1).convert("L")).shape == (3, 64, 64)


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
