"""What `make demo` downloads, with stand-ins for Python, pip and uname."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPU_BUILD = "pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu torch=="
CUDA = "about 0.4 GB and, on Linux, 3 GB of CUDA"
STAND_INS = {
    "uname": "echo {system}",
    "python3": 'mkdir -p "$3/bin"; cp {folder}/bin/called "$3/bin/pip"; cp {folder}/bin/called "$3/bin/python"',
    "called": 'echo "$(basename "$0") $*" >> {folder}/calls; case "$*" in *urlopen*) exit {unreached};; esac',
}


def make(folder: Path, *arguments: str, system: str = "Linux", has_card: bool = False, unreached: int = 0) -> str:
    """Run `make demo` in a copy of the checkout's own files; gives what it said and what it called."""
    (folder / "bin").mkdir()
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    for name, script in STAND_INS.items():
        file = folder / "bin" / name
        file.write_text("#!/bin/sh\n" + script.format(folder=folder, system=system, unreached=unreached) + "\n")
        file.chmod(0o755)
    card = folder / "card"
    if has_card:
        card.touch()
    variables = {"PATH": f"{folder}/bin:/usr/bin:/bin"}
    command = ["make", "--silent", "demo", f"NVIDIA={card}", *arguments]
    said = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True).stdout
    return said + (folder / "calls").read_text()


@pytest.mark.parametrize(
    ("arguments", "system", "has_card", "takes_cpu_build"),
    [
        ([], "Linux", False, True),
        ([], "Linux", True, False),
        ([], "Darwin", False, False),
        (["CPU=1"], "Linux", True, True),
        (["CPU="], "Linux", False, False),
    ],
)
def test_the_cpu_build_is_taken_where_linux_has_no_card(
    tmp_path: Path, arguments: list[str], system: str, has_card: bool, takes_cpu_build: bool
) -> None:
    done = make(tmp_path, *arguments, system=system, has_card=has_card)
    assert (CPU_BUILD in done) == takes_cpu_build
    assert (CUDA in done) == (not takes_cpu_build)
    assert done.index("Downloading into .venv: about 0.4 GB") < done.index("pip install")
    assert done.endswith("pip install --quiet -r requirements.txt\npython app.py\n")


def test_an_index_that_cannot_be_reached_is_tried_once(tmp_path: Path) -> None:
    done = make(tmp_path, unreached=1)
    assert done.count("python -c") == 1
    assert "extra-index-url" not in done
    assert "whl/cpu cannot be reached: PyPI's PyTorch instead" in done
