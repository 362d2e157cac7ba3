"""Publishing, through the Hub's own client, to a Hub on the loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hub_clients import LOAD, Output, client_environment, files_of, fingerprint, random_editor, run_client
from loopback_hub import LoopbackHub

from expressions.editor import Editor
from expressions.publishing.card import model_card

pytestmark = pytest.mark.slow

ALICE, READER, STRANGER = "hf_aliceMayWrite", "hf_aliceMayRead", "hf_nobodyKnowsMe"
FIGURES = {
    "Mean leak": {"value": 0.125, "unit": "sd", "samples": 2000, "note": "judged by a second network"},
    "Judge": {"value": "another architecture"},
}

# Publishes each [folder, repository, options]; the option `login` stands for the environment's token.
PUBLISH = """
import json, os, sys, traceback
from expressions import Editor
from expressions.publishing import PublishError, publish

answers = []
for folder, repo_id, options in json.loads(sys.argv[1]):
    os.environ.pop("HF_TOKEN", None)
    if "login" in options:
        os.environ["HF_TOKEN"] = options.pop("login")
    try:
        answers.append(publish(Editor.from_pretrained(folder), repo_id, **options))
    except PublishError as error:
        traceback.print_exc()
        answers.append(str(error))
print(json.dumps(answers))
"""


@dataclass
class Published:
    """What the publishing client left behind."""

    hub: LoopbackHub
    answers: dict[str, str]
    text: str
    editors: dict[str, Editor]

    def read(self, repo_id: str, file: str, branch: str = "main") -> bytes:
        return self.hub.repositories["models", repo_id].files(branch)[file]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two different editors, saved."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("first", "second")}
    for seed, folder in enumerate(folders.values()):
        files_of(random_editor(seed), folder)
    return {name: str(folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def published(folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    first, second = folders["first"], folders["second"]
    pushes: dict[str, tuple[str, str, dict[str, Any]]] = {
        "public": (first, "alice/faces", {"token": ALICE, "figures": FIGURES}),
        "again": (first, "alice/faces", {"token": ALICE, "figures": FIGURES}),
        "branch": (second, "alice/faces", {"login": ALICE, "revision": "second/try"}),
        "private": (first, "alice/secret", {"token": ALICE, "private": True}),
        "not private": (first, "alice/faces", {"token": ALICE, "private": True}),
        "no token": (first, "alice/other", {}),
        "wrong token": (first, "alice/other", {"token": STRANGER}),
        "wrong login": (first, "alice/other", {"login": STRANGER}),
        "broken token": (first, "alice/other", {"token": f"{STRANGER}\nX-More: 1"}),
        "read token": (first, "alice/faces", {"token": READER}),
        "other owner": (first, "bob/faces", {"token": ALICE}),
        "bad name": (first, "not a name", {"token": ALICE}),
        "bad figure": (first, "alice/other", {"token": ALICE, "figures": {"Leak": {"valve": 1}}}),
    }
    with LoopbackHub() as hub:
        hub.add_user("alice", ALICE)
        hub.add_user("alice", READER, can_write=False)
        environment = client_environment(hub.endpoint, tmp_path_factory.mktemp("publisher"))
        output = run_client(PUBLISH, environment, list(pushes.values()))
        editors = {name: Editor.from_pretrained(folder) for name, folder in folders.items()}
        yield Published(hub, dict(zip(pushes, output.value, strict=True)), output.text, editors)


@pytest.fixture(scope="module")
def pulled(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What a client with an empty cache and no login finds."""
    commit = published.answers["public"].rpartition("/")[2]
    sources = [
        ("alice/faces", {}),
        ("alice/faces", {"revision": "second/try"}),
        ("alice/faces", {"revision": commit}),
        ("alice/secret", {"token": ALICE}),
        ("alice/secret", {"cache_dir": "empty"}),
    ]
    return run_client(LOAD, client_environment(published.hub.endpoint, tmp_path_factory.mktemp("visitor")), sources)


def test_what_is_pushed_comes_back_with_the_same_pictures_and_values(published: Published, pulled: Output) -> None:
    assert pulled.value[0] == fingerprint(published.editors["first"])


def test_a_branch_holds_its_own_editor(published: Published, pulled: Output) -> None:
    assert pulled.value[1] == fingerprint(published.editors["second"])
    assert pulled.value[1] != pulled.value[0]


def test_the_answer_is_the_address_of_the_commit(published: Published, pulled: Output) -> None:
    commit = published.hub.repositories["models", "alice/faces"].branches["main"]
    assert published.answers["public"] == f"{published.hub.endpoint}/alice/faces/commit/{commit}"
    assert pulled.value[2] == pulled.value[0]


def test_pushing_the_same_again_makes_no_commit(published: Published) -> None:
    assert published.answers["again"] == published.answers["public"]


def test_a_private_repository_opens_with_the_token_only(published: Published, pulled: Output) -> None:
    assert published.hub.repositories["models", "alice/secret"].private
    assert pulled.value[3] == pulled.value[0]
    assert "'alice/secret'" in pulled.value[4]
    assert "it is private and the token does not open it" in pulled.value[4]


def test_the_repository_holds_the_weights_the_configuration_and_our_card(published: Published) -> None:
    files = set(published.hub.repositories["models", "alice/faces"].files())
    assert files == {".gitattributes", "README.md", "config.json", "model.safetensors"}
    card = model_card(published.editors["first"], "alice/faces", FIGURES)
    assert published.read("alice/faces", "README.md").decode() == card


@pytest.mark.parametrize(
    ("push", "repo_id", "reason"),
    [
        ("not private", "alice/faces", "it exists and is public"),
        ("no token", "alice/other", "there is no token"),
        ("wrong token", "alice/other", "the Hub answered 401: Invalid credentials"),
        ("wrong login", "alice/other", "the Hub answered 401: Invalid credentials"),
        ("broken token", "alice/other", "has spaces, line breaks"),
        ("read token", "alice/faces", "the Hub answered 403: Forbidden"),
        ("other owner", "bob/faces", 'the rights to create a model under the namespace "bob"'),
        ("bad name", "not a name", "owner/name"),
        ("bad figure", "alice/other", "figure 'Leak' must have a value"),
    ],
)
def test_a_refused_push_says_in_one_sentence_where_and_why(
    published: Published, push: str, repo_id: str, reason: str
) -> None:
    message = published.answers[push]
    assert message.startswith(f"cannot publish to '{repo_id}': ")
    assert reason in message
    assert "\n" not in message


def test_a_refused_push_leaves_nothing_behind(published: Published) -> None:
    assert {name for _, name in published.hub.repositories} == {"alice/faces", "alice/secret"}


def test_no_token_appears_in_any_output(published: Published, pulled: Output) -> None:
    for token in (ALICE, READER, STRANGER):
        assert token not in published.text
        assert token not in pulled.text
        assert token.encode() not in published.read("alice/faces", "README.md")


def test_a_hub_out_of_reach_is_said_to_be_so(folders: dict[str, str], tmp_path: Path) -> None:
    environment = client_environment("http://127.0.0.1:9", tmp_path)  # 9 discards; nobody serves it
    output = run_client(PUBLISH, environment, [(folders["first"], "alice/faces", {"token": ALICE})])
    assert output.value[0].startswith("cannot publish to 'alice/faces': http://127.0.0.1:9 cannot be reached")
    assert ALICE not in output.text
