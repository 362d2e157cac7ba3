"""Pushing a Space, through the Hub's own client, to a Hub on the loopback; and starting what was pushed."""

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hub_clients import client_environment, files_of, random_editor, run_client
from hub_store import Repository
from huggingface_hub import SpaceCard
from loopback_hub import LoopbackHub

from benchmarks.servers import serving

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
ALICE, READER = "hf_aliceMayWrite", "hf_aliceMayRead"
MODEL, REVISION = "EXPRESSIONS_MODEL", "EXPRESSIONS_REVISION"

# Calls each [function, folder of an editor or of a page, Space, checkout or README.md, options].
PUSH = """
import json, sys, traceback
from pathlib import Path
from expressions import Editor, publishing

answers = []
for function, folder, space_id, place, options in json.loads(sys.argv[1]):
    source = Path(folder) if function == "publish_site" else Editor.from_pretrained(folder)
    try:
        answers.append(getattr(publishing, function)(source, space_id, Path(place), **options))
    except publishing.PublishError as error:
        traceback.print_exc()
        answers.append(str(error))
print(json.dumps(answers))
"""

# As the command line does it, with a token of the environment.
PUSH_FROM_THE_COMMAND_LINE = """
import contextlib, io, json, sys
import train

output = io.StringIO()
with contextlib.redirect_stdout(output):
    train.main(["push", *json.loads(sys.argv[1])])
print(json.dumps(output.getvalue().splitlines()))
"""

# Downloads what a line of preload_from_hub names, as a Space does while it is built.
PRELOAD = """
import json, sys
from huggingface_hub import hf_hub_download

repo_id, files, commit = json.loads(sys.argv[1]).split()
print(json.dumps([hf_hub_download(repo_id, file, revision=commit) for file in files.split(",")]))
"""


@dataclass
class Pushed:
    """What the pushing client left behind."""

    hub: LoopbackHub
    answers: dict[str, Any]
    text: str
    editors: dict[str, dict[str, bytes]]  # the files of each

    def space(self, name: str) -> Repository:
        return self.hub.repositories["spaces", name]

    def model_commit(self, name: str, branch: str = "main") -> str:
        return self.hub.repositories["models", name].branches[branch]

    def front_matter(self, name: str) -> dict[str, Any]:
        return SpaceCard(self.space(name).files()["README.md"].decode()).data.to_dict()


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This repository with files that are not the app's, a later state of it, and one for each thing amiss."""
    root = tmp_path_factory.mktemp("checkouts")
    folders = {name: root / name.replace(" ", "_") for name in ("this", "later", "without app", "no front matter")}
    for folder in folders.values():
        shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__", "benchmarks"))
    for clutter in ("tests/test_app.py", "runs/editor/model.safetensors", "expressions/__pycache__/editor.pyc"):
        path = folders["this"] / clutter
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not for a Space")
    (folders["later"] / "expressions" / "reference.py").write_text("")
    (folders["later"] / "expressions" / "training" / "metrics.py").unlink()
    (folders["later"] / "app.py").write_text((REPOSITORY / "app.py").read_text() + "# later\n")
    (folders["without app"] / "app.py").unlink()
    (folders["no front matter"] / "README.md").write_text("# Expressions\n")
    return {name: str(folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def editors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: tmp_path_factory.mktemp(name) for name in ("first", "second")}


@pytest.fixture(scope="module")
def pushed(
    editors: dict[str, Path], checkouts: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pushed]:
    files = {name: files_of(random_editor(seed), folder) for seed, (name, folder) in enumerate(editors.items())}
    this, alice = checkouts["this"], {"token": ALICE}
    pushes: dict[str, tuple[str, str, str, dict[str, Any]]] = {
        "first": ("first", "alice/plain", this, alice),
        "again": ("first", "alice/plain", this, alice),
        "pinned": ("first", "alice/pinned", this, alice | {"repo_id": "alice/faces"}),
        "branch": ("second", "alice/branch", this, alice | {"repo_id": "alice/faces", "revision": "try"}),
        "update": ("first", "alice/updated", this, alice),
        "updated": ("second", "alice/updated", checkouts["later"], alice | {"repo_id": "alice/other-faces"}),
        "pin": ("first", "alice/unpinned", this, alice | {"repo_id": "alice/faces"}),
        "unpinned": ("second", "alice/unpinned", this, alice),
        "private": ("first", "alice/secret", this, alice | {"private": True}),
        "not private": ("first", "alice/plain", this, alice | {"private": True}),
        "no token": ("first", "alice/never", this, {"repo_id": "alice/never"}),
        "read token": ("second", "alice/plain", this, {"token": READER, "repo_id": "alice/faces"}),
        "other owner": ("first", "bob/never", this, alice | {"repo_id": "alice/never"}),
        "bad name": ("first", "never", this, alice | {"repo_id": "alice/never"}),
        "bad model name": ("first", "alice/never", this, alice | {"repo_id": "never"}),
        "bad figure": ("first", "alice/never", this, alice | {"repo_id": "alice/never", "figures": {"Leak": 1}}),
        "without app": ("first", "alice/never", checkouts["without app"], alice | {"repo_id": "alice/never"}),
        "no front matter": ("first", "alice/never", checkouts["no front matter"], alice | {"repo_id": "alice/never"}),
        "both private": ("first", "alice/never", this, alice | {"repo_id": "alice/never", "private": True}),
        "private model": ("first", "alice/never", this, alice | {"repo_id": "alice/hidden"}),
        "no commit": ("first", "alice/closed", this, alice | {"repo_id": "alice/faces"}),
        "no variables": ("first", "alice/half", this, alice | {"repo_id": "alice/faces"}),
        "gated model": ("first", "alice/never", this, alice | {"repo_id": "alice/gated"}),
    }
    pages = {
        "page": ("alice/page", alice | {"private": True}),
        "page again": ("alice/page", alice),
        "page for an app": ("alice/app", alice),
        "bad name of a page": ("never", alice),
    }
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("<!doctype html>")
    asked = [("publish_space", str(editors[editor]), *rest) for editor, *rest in pushes.values()]
    asked += [("publish_site", str(site), name, f"{this}/README.md", options) for name, options in pages.values()]
    with LoopbackHub() as hub:
        hub.add_user("alice", ALICE)
        hub.add_user("alice", READER, can_write=False)
        hub.put("models", "alice/hidden", {}, private=True)
        hub.put("models", "alice/gated", {}, gated=True)
        hub.put("spaces", "alice/updated", {"notes.md": b"mine", "expressions/old.py": b"", "assets/old.png": b""})
        hub.repositories["spaces", "alice/updated"].variables["MINE"] = "kept"
        hub.put("spaces", "alice/app", {"app.py": b""})
        hub.repositories["spaces", "alice/app"].sdk = "gradio"
        hub.forbidden = {"POST /api/spaces/alice/closed/commit/main", "POST /api/spaces/alice/half/variables"}
        output = run_client(PUSH, client_environment(hub.endpoint, tmp_path_factory.mktemp("publisher")), asked)
        yield Pushed(hub, dict(zip((*pushes, *pages), output.value, strict=True)), output.text, files)


def test_a_space_holds_the_page_the_package_its_pictures_and_the_weights(
    pushed: Pushed, checkouts: dict[str, str]
) -> None:
    root = {"LICENSE", "LICENSE-WEIGHTS", "CHANGELOG.md", "CONTRIBUTING.md", "app.py", "pyproject.toml"}
    root |= {"requirements.txt", "pre-requirements.txt"}
    tracked = subprocess.run(["git", "ls-files", "expressions"], cwd=REPOSITORY, capture_output=True, check=True)  # noqa: S607
    modules = {name for name in tracked.stdout.decode().split() if not name.endswith(("/config.json", ".safetensors"))}
    pictures = {f"{folder}/{path.name}" for folder in ("assets", "docs") for path in (REPOSITORY / folder).iterdir()}
    weights = {f"expressions/weights/{name}" for name in ("config.json", "model.safetensors")}
    files = pushed.space("alice/plain").files()
    assert set(files) == {".gitattributes", "README.md", *root, *modules, *pictures, *weights}
    for name in root | modules | pictures:
        assert files[name] == Path(checkouts["this"], name).read_bytes()
    assert {name: files[name] for name in weights} == {
        f"expressions/weights/{name}": content
        for name, content in pushed.editors["first"].items()
        if name != "README.md"
    }


def test_the_readme_of_a_space_is_that_of_the_checkout_with_the_address_of_its_thumbnail(pushed: Pushed) -> None:
    card = SpaceCard((REPOSITORY / "README.md").read_text())
    thumbnail = f"{pushed.hub.endpoint}/spaces/alice/plain/resolve/main/{card.data['thumbnail']}"
    assert pushed.front_matter("alice/plain") == card.data.to_dict() | {"thumbnail": thumbnail}
    assert pushed.space("alice/plain").files()["README.md"].decode().endswith(card.text)


def test_a_push_is_one_commit_and_the_same_again_none(pushed: Pushed) -> None:
    space = pushed.space("alice/plain")
    assert len(space.commits) == 2  # with the one that creating makes
    assert pushed.answers["first"] == [f"{pushed.hub.endpoint}/spaces/alice/plain/commit/{space.branches['main']}"]
    assert pushed.answers["again"] == pushed.answers["first"]


def test_a_push_replaces_the_package_and_keeps_what_it_does_not_own(pushed: Pushed) -> None:
    space = pushed.space("alice/updated")
    assert len(space.commits) == 4  # created, filled by its owner, and one for each push
    files = space.files()
    assert not {"expressions/old.py", "assets/old.png", "expressions/training/metrics.py"} & set(files)
    assert "expressions/reference.py" in files
    assert files["app.py"].endswith(b"# later\n")
    assert files["notes.md"] == b"mine"
    assert files["expressions/weights/model.safetensors"] == pushed.editors["second"]["model.safetensors"]
    assert space.variables["MINE"] == "kept"


@pytest.mark.parametrize(
    ("push", "space", "model", "branch"),
    [
        ("pinned", "alice/pinned", "alice/faces", "main"),
        ("branch", "alice/branch", "alice/faces", "try"),
        ("updated", "alice/updated", "alice/other-faces", "main"),
    ],
)
def test_a_space_is_pinned_to_the_commit_of_its_weights(
    pushed: Pushed, push: str, space: str, model: str, branch: str
) -> None:
    commit = pushed.model_commit(model, branch)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert pushed.answers[push][0] == f"{pushed.hub.endpoint}/{model}/commit/{commit}"
    assert pushed.space(space).variables.items() >= {MODEL: model, REVISION: commit}.items()
    assert pushed.front_matter(space)["models"] == [model]
    assert pushed.front_matter(space)["preload_from_hub"] == [f"{model} config.json,model.safetensors {commit}"]


def test_pinning_changes_nothing_else_in_the_readme(pushed: Pushed) -> None:
    pinned, plain = pushed.front_matter("alice/pinned"), pushed.front_matter("alice/plain")
    own = {name: pinned[name] for name in ("preload_from_hub", "thumbnail")}
    assert {**pinned, "models": plain["models"]} == plain | own
    text = pushed.space("alice/pinned").files()["README.md"].decode()
    assert text.endswith(SpaceCard((REPOSITORY / "README.md").read_text()).text)


def test_without_a_repository_for_the_weights_the_pin_goes(pushed: Pushed) -> None:
    assert len(pushed.answers["pin"]) == 2
    assert pushed.space("alice/unpinned").variables == {}
    assert "preload_from_hub" not in pushed.front_matter("alice/unpinned")
    weights = pushed.space("alice/unpinned").files()["expressions/weights/model.safetensors"]
    assert weights == pushed.editors["second"]["model.safetensors"]


def test_a_new_space_is_private_if_asked(pushed: Pushed) -> None:
    assert pushed.space("alice/secret").private
    assert not pushed.space("alice/plain").private
    assert pushed.space("alice/page").private
    assert pushed.answers["page"] == pushed.answers["page again"]


@pytest.mark.parametrize(
    ("push", "where", "reason"),
    [
        ("not private", "the Space 'alice/plain'", "it exists and is public"),
        ("no token", "the Space 'alice/never'", "there is no token"),
        ("read token", "the Space 'alice/plain'", "the Hub answered 403: Forbidden"),
        ("other owner", "the Space 'bob/never'", 'the rights to create a space under the namespace "bob"'),
        ("bad name", "the Space 'never'", "owner/name"),
        ("bad model name", "'never'", "owner/name"),
        ("bad figure", "'alice/never'", "figure 'Leak' must have a value"),
        ("without app", "the Space 'alice/never'", "without_app/app.py"),
        ("no front matter", "the Space 'alice/never'", "must have `sdk: gradio` and `app_file: app.py`"),
        ("both private", "the Space 'alice/never'", "it could not read 'alice/never' if that were private"),
        ("private model", "the Space 'alice/never'", "it cannot read 'alice/hidden', which is private or gated"),
        ("gated model", "the Space 'alice/never'", "it cannot read 'alice/gated', which is private or gated"),
        ("page for an app", "the Space 'alice/app'", "it is there and runs gradio"),
        ("bad name of a page", "the Space 'never'", "owner/name"),
    ],
)
def test_a_refused_push_says_in_one_sentence_where_and_why(pushed: Pushed, push: str, where: str, reason: str) -> None:
    message = pushed.answers[push]
    assert message.startswith(f"cannot publish to {where}: ")
    assert reason in message
    assert "\n" not in message


def test_a_refused_push_leaves_nothing_behind(pushed: Pushed) -> None:
    assert not [name for _, name in pushed.hub.repositories if name.endswith("never")]
    faces = pushed.hub.repositories["models", "alice/faces"]
    assert len(faces.commits) == 3  # created, `first`, and `second` on its branch: none of the token that may read


def test_what_is_done_already_is_said_where_the_rest_fails(pushed: Pushed) -> None:
    weights = pushed.answers["pinned"][0]
    refused = "the Hub answered 403: Forbidden"
    assert pushed.answers["no commit"] == (
        f"cannot publish to the Space 'alice/closed', whose weights are at {weights}: {refused}"
    )
    assert pushed.answers["no variables"] == (
        f"the files of the Space 'alice/half' are pushed, its variables are not set: {refused}"
    )


def test_no_token_appears_in_any_output(pushed: Pushed) -> None:
    for token in (ALICE, READER):
        assert token not in pushed.text
        assert token.encode() not in b"".join(pushed.space("alice/pinned").files().values())


def test_the_command_line_pushes_all_from_the_folder_it_lies_in(tmp_path: Path) -> None:
    flags = ["--repo-id", "alice/faces", "--space", "alice/demo", "--static-space", "alice/page"]
    with LoopbackHub() as hub:
        hub.add_user("alice", ALICE)
        hub.put("spaces", "alice/page", {"notes.md": b"mine", "engine/old/engine.js": b""})
        environment = client_environment(hub.endpoint, tmp_path, HF_TOKEN=ALICE)
        printed = run_client(PUSH_FROM_THE_COMMAND_LINE, environment, flags).value
        model, space = hub.repositories["models", "alice/faces"], hub.repositories["spaces", "alice/demo"]
        page = hub.repositories["spaces", "alice/page"]
        assert [url.rpartition("/")[2] for url in printed] == [to.branches["main"] for to in (model, space, page)]
        assert space.variables == {MODEL: "alice/faces", REVISION: model.branches["main"]}
        assert space.files()["expressions/editor.py"] == (REPOSITORY / "expressions" / "editor.py").read_bytes()
        assert b"## Figures" in model.files()["README.md"]
        files = page.files()
        assert {name.partition("/")[0] for name in files} == {"README.md", "engine", "index.html", "notes.md"}
        assert "engine/old/engine.js" not in files
        front_matter = SpaceCard(files["README.md"].decode()).data.to_dict()
        assert (front_matter["sdk"], front_matter["app_file"]) == ("static", "index.html")
        assert front_matter["license_name"] == "celeba-non-commercial"


# What was pushed, started -------------------------------------------------------------------------


def test_a_pushed_space_starts_from_its_files_and_the_preloaded_weights(pushed: Pushed, tmp_path: Path) -> None:
    name, folder = "alice/pinned", tmp_path / "space"
    space = pushed.space(name)
    for path, content in space.files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (preloaded,) = pushed.front_matter(name)["preload_from_hub"]
    run_client(PRELOAD, client_environment(pushed.hub.endpoint, tmp_path), preloaded)
    cache = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    place = {"SYSTEM": "spaces", "SPACE_ID": name, "SPACE_HOST": f"{name.replace('/', '-')}.hf.space"}
    with serving("app.py", variables=cache | place | space.variables, checkout=folder) as server:
        with urllib.request.urlopen(server.url, timeout=60) as answer:  # noqa: S310
            assert answer.status == 200
        assert "embedded weights" not in server.log.read_text()
