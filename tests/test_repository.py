"""What is stated in two places says the same in both."""

import re
import subprocess
import tomllib
from pathlib import Path

import yaml
from huggingface_hub import SpaceCard
from packaging.specifiers import SpecifierSet

import expressions
from expressions.attributes import HUB_DATASET
from expressions.networks.files import LICENCE_LINK, LICENCE_NAME, read_tensors

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


def test_the_space_installs_the_torch_that_is_pinned_without_cuda():
    assert pins("pre-requirements.txt") == {"torch": pins("requirements.txt")["torch"] + "+cpu"}
    first, *_ = (ROOT / "pre-requirements.txt").read_text().splitlines()
    assert first == "--extra-index-url https://download.pytorch.org/whl/cpu"


def test_versions_in_the_front_matter_are_text_after_the_client_rewrote_them_too():
    for text in (README, str(SpaceCard(README))):
        written = yaml.safe_load(text.split("---")[1])
        assert isinstance(written["sdk_version"], str)
        assert isinstance(written["python_version"], str)
        assert written == FRONT_MATTER


def test_the_front_matter_is_one_that_a_space_accepts():
    assert FRONT_MATTER["sdk"] == "gradio"
    assert FRONT_MATTER["header"] in ("mini", "default")
    assert len(FRONT_MATTER["short_description"]) <= 60
    assert (ROOT / FRONT_MATTER["app_file"]).is_file()
    assert FRONT_MATTER["datasets"] == [HUB_DATASET]
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {FRONT_MATTER["colorFrom"], FRONT_MATTER["colorTo"]} <= colours
    assert FRONT_MATTER["license"] == "other"
    assert (FRONT_MATTER["license_name"], FRONT_MATTER["license_link"]) == (LICENCE_NAME, LICENCE_LINK)
    assert (ROOT / FRONT_MATTER["thumbnail"]).suffix == ".png"  # not every site that shows a link shows WebP
    # A push adds these; no repository for the weights is known here.
    assert FRONT_MATTER["models"] == []
    assert "preload_from_hub" not in FRONT_MATTER


def test_the_space_has_a_python_that_the_package_allows():
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert SpecifierSet(least).contains(FRONT_MATTER["python_version"])


def test_every_link_to_a_file_leads_to_one():
    for page in (path for path in tracked() if path.suffix == ".md" and path.name != "card.md"):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_changelog_begins_with_the_version_of_the_package():
    first = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == expressions.__version__


def test_every_file_of_weights_names_its_licence():
    for path in (path for path in tracked() if path.suffix == ".safetensors"):
        metadata = read_tensors(path)[1]
        assert (metadata.get("license"), metadata.get("license_link")) == (LICENCE_NAME, LICENCE_LINK), path.name


def test_the_workflow_checks_every_python_from_the_least_that_the_package_allows():
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
    versions = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert versions[0] == least.removeprefix(">=")
    assert all(SpecifierSet(least).contains(version) for version in versions)
    assert {"run": "make check"} in workflow["jobs"]["check"]["steps"]


def test_no_file_is_too_large_for_a_space():
    assert [path.name for path in tracked() if path.stat().st_size >= 10_000_000] == []
