"""Weights in a folder: what is read back, and what is said of files that are not an editor's."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_clients import files_of, fingerprint, random_editor
from safetensors.torch import load_file, save_file

from expressions import Editor, WeightsError


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return files_of(random_editor(0), tmp_path_factory.mktemp("editor"))


@pytest.fixture
def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def refusal(folder: Path) -> str:
    """The message of a failing load, without the folder."""
    with pytest.raises(WeightsError) as caught:
        Editor.from_pretrained(folder)
    message = str(caught.value)
    start = f"cannot load weights from {str(folder)!r}: "
    assert message.startswith(start)
    assert "\n" not in message
    return message.removeprefix(start)


def test_a_folder_gives_the_same_editor_back(folder: Path) -> None:
    loaded = Editor.from_pretrained(folder)
    assert loaded.attributes == ("Smiling", "Male", "Skin_Tone")
    assert loaded.fingerprint() == random_editor(0).fingerprint()
    assert fingerprint(loaded) == fingerprint(random_editor(0))


def test_weights_of_before_there_was_a_chooser_have_none(tmp_path: Path) -> None:
    Editor(["Smiling"], width=4).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"attributes": ["Smiling"], "width": 4}')
    loaded = Editor.from_pretrained(tmp_path)
    assert loaded.chooser is None
    assert loaded.lens is None
    assert torch.equal(loaded.latents(range(9)), loaded.latents(range(9), attempts=1))


def test_a_lens_is_saved_with_the_weights(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        editor = Editor(["Smiling"], width=4, lens=True)
        for parameter in editor.lens.parameters():  # type: ignore[union-attr]
            parameter.normal_().copy_(parameter.half())
        images = torch.rand(2, 3, 64, 64) * 2 - 1
    editor.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["lens"] is True
    assert torch.equal(Editor.from_pretrained(tmp_path).enlarge(images), editor.enlarge(images))


def test_who_can_read_the_configuration_can_read_the_weights(tmp_path: Path) -> None:
    random_editor(0).save_pretrained(tmp_path)
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").startswith("there is no such folder, and it is not a Hub id")


def test_a_revision_of_a_folder_is_refused(folder: Path) -> None:
    message = f"cannot load weights from {str(folder)!r} at revision 'v1': a revision belongs to weights on the Hub"
    with pytest.raises(WeightsError, match=re.escape(message)):
        Editor.from_pretrained(folder, revision="v1")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"it has no file {name}"


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda tensors: tensors.pop("response"), "no tensor response"),
        (lambda tensors: tensors.update(low=torch.zeros(4)), "tensor low must have shape (3,), got (4,)"),
        (lambda tensors: tensors["response"].fill_(float("nan")), "tensor response holds numbers that are not finite"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "unknown tensor extra"),
        (lambda tensors: tensors.pop("chooser.threshold"), "no tensor chooser.threshold"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    folder: Path, alter: Callable[[dict[str, torch.Tensor]], object], reason: str
) -> None:
    tensors = load_file(folder / "model.safetensors")
    alter(tensors)
    save_file(tensors, folder / "model.safetensors")
    assert refusal(folder) == f"model.safetensors: {reason}"


def test_a_scale_without_length_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"high": tensors["low"].clone()}, folder / "model.safetensors")
    assert refusal(folder) == "a value's low end is not below its high end"


@pytest.mark.parametrize("kept", [0, 5, 1000, 1_000_000])
def test_a_truncated_file_is_named(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(folder).startswith("model.safetensors: Error while deserializing")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_cannot_be_read_is_not_called_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # root, whom tests may run as, may read all

    monkeypatch.setattr(
        *(Path, "read_text") if name == "config.json" else ("expressions.networks.files.safe_open",), refuse
    )
    assert refusal(folder) == f"{name}: [Errno 13] Permission denied"


def test_a_bug_of_ours_is_not_called_bad_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expressions.editor.channels_last", None)
    with pytest.raises(TypeError, match="not callable"):
        Editor.from_pretrained(folder)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{", "config.json: Expecting property name"),
        ("[]", "config.json: no list of attributes"),
        ({"wings": 2}, "config.json: no list of attributes"),
        ({"attributes": "Smiling"}, "config.json: no list of attributes"),
        ({"attributes": ["Smiling"]}, "must have shape"),
        ({"attributes": ["Smiling", "<b>"]}, "attributes must be distinct names of letters, digits and _"),
        ({"attributes": ["Smiling", "Skin_Tone"]}, "Skin_Tone is measured from the pixels"),
        ({"attributes": ["Smiling", "Male"], "depth": 3}, "config.json: unknown entry 'depth'"),
        ({"attributes": ["Smiling"], "chooser": 1}, "config.json: chooser must be true or false, got 1"),
        ({"attributes": ["Smiling"], "lens": "yes"}, "config.json: lens must be true or false, got 'yes'"),
        (
            {"attributes": ["Smiling", "Male"], "width": 4, "chooser": True, "lens": True},
            "no tensor lens.layers.0.weight",
        ),
        ({"attributes": ["Smiling", "Male"], "width": 4}, "model.safetensors: unknown tensor chooser."),
        (
            {"attributes": ["Smiling"], "width": 10**9},
            "config.json: width must be a whole number from 1 to 256, got 10",
        ),
        ({"attributes": ["Smiling"], "width": "16"}, "width must be a whole number from 1 to 256, got '16'"),
        ({"attributes": ["Smiling"], "width": True}, "width must be a whole number from 1 to 256, got True"),
    ],
)
def test_a_damaged_configuration_is_named(folder: Path, config: object, reason: str) -> None:
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    assert reason in refusal(folder)
