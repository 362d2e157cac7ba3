import json

import pytest
import torch
from PIL import Image, ImageChops

from benchmarks import contact_sheet
from benchmarks.contact_sheet import shuffled, write_sheets
from benchmarks.readers import FIRST_SEED
from expressions.attributes import SLIDERS
from expressions.images import to_pil


def test_the_key_of_a_sheet_tells_which_of_its_faces_are_fakes(tmp_path):
    fakes, photographs = torch.full((40, 3, 64, 64), 200).byte(), torch.full((40, 3, 64, 64), 50).byte()
    faces, are_fakes = shuffled(fakes, photographs, seed=1)
    write_sheets(faces, are_fakes, tmp_path / "new")
    key = json.loads((tmp_path / "new" / "key.json").read_text())
    assert sum(map(len, key.values())) == 40
    assert key["sheet1"] != list(range(1, len(key["sheet1"]) + 1))  # they are mixed
    for name, count in (("sheet1", 50), ("sheet2", 30)):
        with Image.open(tmp_path / "new" / f"{name}.png") as sheet:
            middles = [((i % 10) * 192 + 96, (i // 10) * 192 + 96) for i in range(count)]
            shown = [i for i, middle in enumerate(middles, 1) if sheet.getpixel(middle) == (200, 200, 200)]
        assert shown == key[name]


def test_another_seed_gives_another_order():
    faces = torch.zeros(20, 3, 64, 64).byte()
    assert shuffled(faces, faces, seed=0)[1] == shuffled(faces, faces, seed=0)[1] != shuffled(faces, faces, seed=1)[1]


@pytest.mark.slow
def test_a_sheet_of_edits_shows_each_face_and_each_slider_at_its_end(editor, monkeypatch, tmp_path):
    monkeypatch.setattr(contact_sheet, "EDITED", 2)
    monkeypatch.setattr(contact_sheet, "SLIDERS", SLIDERS[:2])
    contact_sheet.write_edits(editor, 1, tmp_path)
    z = editor.latents(FIRST_SEED + 3)  # seed 1 begins after two faces
    for value in (5, 95):
        with Image.open(tmp_path / f"edits{value}.png") as sheet:
            assert sheet.size == (3 * 128, 2 * 128)
            shown = sheet.crop((256, 128, 384, 256))
        edited = editor.synthesize(editor.edit(z, {SLIDERS[1]: float(value)}))
        difference = ImageChops.difference(shown, to_pil(editor.enlarge(edited)[0]))
        assert max(high for _, high in difference.getextrema()) <= 1
