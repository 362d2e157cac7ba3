"""What is installed, and with what: the wheel, its extras, the pins."""

import ast
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import expressions

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ROOMS = {"training": "train", "demo": "demo"}  # and the extra that each of them needs

# Gradio and datasets may be anywhere on the path: whoever imports them here is told.
WITHOUT_EXTRAS = """
import sys
sys.modules |= dict.fromkeys(("gradio", "datasets"))
from expressions import Editor
print(Editor.from_pretrained().render(7, {"Smiling": 90.0}).size)
"""


def names(requirements):
    return {Requirement(text).name.lower().replace("_", "-") for text in requirements}


def pins(file):
    lines = (ROOT / file).read_text().splitlines()
    return {Requirement(line).name: Requirement(line) for line in lines if "==" in line}


def imported(paths):
    """The distributions that these files import, but for the standard library and our own."""
    modules = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(str(node.module).partition(".")[0])
    providers = packages_distributions()
    return {providers.get(name, [name])[0].lower().replace("_", "-") for name in modules - sys.stdlib_module_names}


def room_of(path):
    return path.relative_to(ROOT / "expressions").parts[0]


def test_what_a_room_imports_is_among_its_requirements():
    paths = list((ROOT / "expressions").rglob("*.py"))
    base = names(PROJECT["dependencies"])
    assert imported(path for path in paths if room_of(path) not in ROOMS) <= base
    optional = {"tensorboard", "trackio", "transformers"}  # which only their option needs
    for room, extra in ROOMS.items():
        found = imported(path for path in paths if room_of(path) == room) - optional
        given = names(EXTRAS[extra])
        brought = {name for package in given for name in names(requires(package) or [])}  # starlette comes with gradio
        assert found <= base | given | brought


def test_every_requirement_is_pinned_within_its_range():
    ranges = {Requirement(text).name: Requirement(text) for text in PROJECT["dependencies"]}
    ranges |= {Requirement(text).name: Requirement(text) for extra in ROOMS.values() for text in EXTRAS[extra]}
    pinned = pins("requirements.txt") | pins("requirements-train.txt")
    assert pinned.keys() == ranges.keys()
    for name, pin in pinned.items():
        (version,) = (specifier.version for specifier in pin.specifier)
        assert ranges[name].specifier.contains(version)
        assert pin.extras == ranges[name].extras
    tools = [line for line in (ROOT / "requirements-dev.txt").read_text().splitlines() if not line.startswith("-r")]
    assert names(tools) == names(EXTRAS["dev"]) - {"expressions"}


@pytest.mark.slow
def test_a_wheel_gives_an_editor_without_gradio_and_datasets(tmp_path):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S607
    files = [name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()]
    for name in files:
        copy = tmp_path / "checkout" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "checkout"], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"expressions-{expressions.__version__}-")
    assert {name for name in files if name.startswith("expressions/")} <= set(zipfile.ZipFile(wheel).namelist())
    venv.create(tmp_path / "environment")
    (packages,) = (tmp_path / "environment").glob("lib/*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", packages, wheel], check=True)
    (packages / "requirements.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = tmp_path / "environment/bin/python"
    run = subprocess.run([python, "-c", WITHOUT_EXTRAS], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert run.stdout == "(64, 64)\n"
