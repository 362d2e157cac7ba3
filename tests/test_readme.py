"""What README.md promises."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_front_page_is_read_in_a_few_minutes():
    assert len(README.split()) <= 1000


@pytest.mark.slow
def test_the_lines_of_python_make_the_picture_below_them(tmp_path, monkeypatch):
    code, picture = re.search(r"```python\n(.*?)```\n\n!\[.*?\]\((.*?)\)", README, re.DOTALL).groups()
    assert len([line for line in code.splitlines() if line]) <= 6
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # noqa: S102
    files = sorted(tmp_path.iterdir(), key=lambda path: int(re.search(r"\d+", path.name)[0]))
    made = np.concatenate([np.asarray(Image.open(path)) for path in files], axis=1)
    shown = np.asarray(Image.open(ROOT / picture).convert("RGB"))
    assert shown.shape == made.shape
    assert np.abs(made.astype(float) - shown).mean() < 2  # another processor rounds otherwise


def test_pictures_are_small_enough_to_wait_for():
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / name).stat().st_size < 3_000_000, name
