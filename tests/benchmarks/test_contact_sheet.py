import json

import pytest
import torch
from PIL import Image, ImageChops

from benchmarks import contact_sheet
from benchmarks.contact_sheet import count_broken, shuffled, write_sheets
from benchmarks.readers import FIRST_SEED
from expressions.attributes import SLIDERS
from expressions.images import to_pil


def test_the_key_of_a_sheet_tells_which_of_its_faces_are_fakes(tmp_path):
    fakes, photographs = torch.full((40, 3, 64, 64), 200).byte(), torch.full((40, 3, 64, 64), 50).byte()
    faces, are_fakes = shuffled(fakes, photographs, seed=1)
    write_sheets(faces, are_fakes, tmp_path / "new")
    key = json.loads((tmp_path / "new" / "key.json").read_text())
    first, second = key["sheets"]
    assert len(first) + len(second) == 40
    assert first != list(range(1, len(first) + 1))  # they are mixed
    for name, count, numbers in (("sheet1", 50, first), ("sheet2", 30, second)):
        with Image.open(tmp_path / "new" / f"{name}.png") as sheet:
            middles = [((i % 10) * 192 + 96, (i // 10) * 192 + 96) for i in range(count)]
            shown = [i for i, middle in enumerate(middles, 1) if sheet.getpixel(middle) == (200, 200, 200)]
        assert shown == numbers


def test_another_seed_gives_another_order():
    faces = torch.zeros(20, 3, 64, 64).byte()
    assert shuffled(faces, faces, seed=0)[1] == shuffled(faces, faces, seed=0)[1] != shuffled(faces, faces, seed=1)[1]


KEY = {"weights": "these", "faces": 51, "seed": 3, "sheets": [[1, 2, 50], [], [2]]}  # 102 faces


def test_broken_faces_of_either_kind_are_counted_over_all_sheets(tmp_path):
    (tmp_path / "broken.txt").write_text("50 1 1 3\n\n1 2\n")
    counted = count_broken(tmp_path / "broken.txt", KEY)
    assert counted == {"weights": "these", "faces": 51, "seed": 3, "first": 2, "chosen": 3}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        *(
            (f"{word}\n\n\n", f"line 1: '{word}' is none of the sheet's 50 faces")
            for word in ("0", "51", "-1", "one", "3,4")
        ),
        ("\n\n3\n", "line 3: '3' is none of the sheet's 2 faces"),
        ("", "has 0 lines, and there are 3 sheets"),
        ("3\n\n\n\n", "has 4 lines, and there are 3 sheets"),
    ],
)
def test_what_is_no_face_of_its_sheet_is_refused(tmp_path, lines, message):
    (tmp_path / "broken.txt").write_text(lines)
    with pytest.raises(ValueError, match=message):
        count_broken(tmp_path / "broken.txt", KEY)


def call(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["contact_sheet", *map(str, arguments)])
    contact_sheet.main()


@pytest.mark.slow
def test_a_person_tells_how_many_first_and_chosen_draws_are_broken(editor, monkeypatch, tmp_path):
    monkeypatch.setattr(contact_sheet, "BENCHMARKS", tmp_path)
    call(monkeypatch, "--draws", "--faces", 30, "--out", tmp_path)
    chosen, _ = json.loads((tmp_path / "key.json").read_text())["sheets"]
    first = sorted(set(range(1, 51)) - set(chosen))
    (tmp_path / "broken.txt").write_text(f"{first[0]} {first[1]} {chosen[0]}\n\n")
    call(monkeypatch, "--broken", tmp_path / "broken.txt", "--out", tmp_path)
    report = json.loads((tmp_path / "broken.json").read_text())
    assert report == {"weights": editor.fingerprint(), "faces": 30, "seed": 0, "first": 2, "chosen": 1}


def test_sheets_of_something_else_are_not_counted(monkeypatch, tmp_path, capsys):
    write_sheets(torch.zeros(2, 3, 64, 64).byte(), [True, False], tmp_path)
    (tmp_path / "broken.txt").write_text("1\n")
    with pytest.raises(SystemExit):
        call(monkeypatch, "--broken", tmp_path / "broken.txt", "--out", tmp_path)
    assert "no sheets of first and chosen draws" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        call(monkeypatch, "--broken", tmp_path / "broken.txt", "--out", tmp_path / "none")
    assert "key.json" in capsys.readouterr().err


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
