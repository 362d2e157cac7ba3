import json

import torch
from PIL import Image

from benchmarks.contact_sheet import shuffled, write_sheets


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
