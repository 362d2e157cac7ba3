"""What is stated in two places says the same in both."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FRONT_MATTER = yaml.safe_load(README.split("---")[1])


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    return {name.partition("[")[0]: version for name, version in (line.split("==") for line in lines if "==" in line)}


def tracked():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True).stdout  # noqa: S607
    return [ROOT / name for name in names.splitlines()]


def test_the_space_runs_the_gradio_that_is_pinned():
    assert FRONT_MATTER["sdk_version"] == pins("requirements.txt")["gradio"]


def test_the_space_installs_the_torch_that_is_pinned():
    assert pins("pre-requirements.txt")["torch"] == pins("requirements.txt")["torch"] + "+cpu"


def test_versions_in_the_front_matter_are_text():
    assert isinstance(FRONT_MATTER["sdk_version"], str)
    assert isinstance(FRONT_MATTER["python_version"], str)
    assert len(FRONT_MATTER["short_description"]) <= 60
    assert (ROOT / FRONT_MATTER["app_file"]).is_file()


def test_the_file_tree_names_every_module():
    tree = re.search(r"## Files\n\n```\n(.*?)```", README, re.DOTALL)[1]
    modules = [path.name for path in (ROOT / "expressions").glob("*.py") if path.name != "__init__.py"]
    assert [name for name in modules if f"  {name} " not in tree] == []


def test_every_picture_of_the_readme_exists():
    assert [path for path in re.findall(r"!\[.*?\]\((.*?)\)", README) if not (ROOT / path).is_file()] == []


def test_no_file_is_too_large_for_a_space():
    assert [path.name for path in tracked() if path.stat().st_size >= 10_000_000] == []
