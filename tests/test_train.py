import dataclasses
import io
import json
from pathlib import Path

import pytest
import torch
from datasets import disable_progress_bars
from drawn_faces import celeba_row, write_parquet

import train
from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, HUB_DATASET
from expressions.networks.files import save_network
from expressions.networks.lens import Lens
from expressions.training.config import TrainConfig

disable_progress_bars()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_parquet(folder, "train", [celeba_row(index, celeb_id=index // 4) for index in range(16)])
    write_parquet(folder, "valid", [celeba_row(index, celeb_id=index // 2) for index in range(16, 20)])
    return str(folder)


@pytest.mark.parametrize("command", list(train.COMMANDS))
def test_help_names_every_option_and_its_default(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        train.main([command, "--help"])
    text = capsys.readouterr().out
    assert "--dry-run" in text
    assert "--debug" in text
    for option in dataclasses.fields(train.COMMANDS[command][0]):
        assert f"--{option.name.replace('_', '-')} " in text
        if isinstance(option.default, int | float) and not isinstance(option.default, bool):
            assert f"(default: {option.default})" in " ".join(text.split())


def test_a_dry_run_prints_what_would_run_and_writes_nothing(tmp_path, capsys):
    train.main(["gan", "--dry-run", "--kimg", "7", "--out", str(tmp_path / "run")])
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("command") == "gan"
    assert TrainConfig(**printed) == TrainConfig(kimg=7, out=str(tmp_path / "run"))
    train.main(["all", "--dry-run", "--runs", str(tmp_path / "runs")])
    assert f"python train.py gan --data {HUB_DATASET} --classifiers weights/teacher1/" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gan", "--kimg", "0"], "train.py gan: error: kimg must be a number above 0"),
        (
            ["editor", "--classifier", "nothing"],
            "train.py editor: error: nothing does not hold an attribute classifier",
        ),
        (
            ["editor", "--weights", "a", "--lens", "b"],
            "train.py editor: error: weights take the place of lens: give one of the two",
        ),
        (["distil", "--samples", "100"], "train.py distil: error: samples must be at least batch_size, 128, got 100"),
        (
            ["gan", "--start", "a", "--kimg", "5", "--lead-kimg", "6"],
            "train.py gan: error: lead_kimg must be at most kimg, 5, got 6",
        ),
        (["gan", "--lead-kimg", "6"], "train.py gan: error: lead_kimg does nothing without start"),
        (["gan", "--start", ""], "train.py gan: error: start must be something, not empty"),
        (["push"], "train.py push: error: say where to push: --repo-id owner/name"),
        (["push", "--space", "a/b", "--revision", "c"], "train.py push: error: --revision belongs to the weights'"),
    ],
)
def test_a_mistake_ends_in_one_sentence(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        train.main(arguments)
    assert str(caught.value.code).startswith(message)


def test_the_traceback_of_a_mistake_is_kept_for_who_asks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="nothing does not hold an attribute classifier"):
        train.main(["editor", "--classifier", "nothing", "--debug"])


def test_ctrl_c_ends_in_one_sentence(monkeypatch):
    def interrupted(_config):
        raise KeyboardInterrupt

    monkeypatch.setitem(train.COMMANDS, "push", (train.PushConfig, interrupted))
    with pytest.raises(SystemExit, match="train.py push: interrupted; what was saved or pushed before stays"):
        train.main(["push", "--space", "a/b", "--debug"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("command", ["gan", "classifier", "distil"])
def test_a_device_that_is_not_there_is_told_before_the_data_are_read(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="device: this machine has no cuda; it has .*cpu"):
        train.main([command, "--data", "no/such/folder", "--device", "cuda"])
    assert list(tmp_path.iterdir()) == []


def test_one_face_is_too_few_to_train_on(data, tmp_path):
    with pytest.raises(SystemExit, match="training needs at least 2 faces, got 1"):
        train.main(["gan", "--data", data, "--limit", "1", "--backbone", "none", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_name_that_the_terminal_cannot_print_costs_nothing(encoding, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setitem(train.COMMANDS, "gan", (TrainConfig, lambda config: f"generator: {config.out}"))
    train.main(["gan", "--out", "r/漢字\udcff"])
    terminal.seek(0)
    assert "r/漢字" in terminal.read().encode().decode("unicode_escape" if encoding != "utf-8" else "utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine has no full disk")
def test_a_log_that_cannot_be_written_costs_nothing(monkeypatch):
    with Path("/dev/full").open("w") as log:
        monkeypatch.setattr("sys.stdout", log)
        monkeypatch.setitem(train.COMMANDS, "gan", (TrainConfig, lambda _config: "generator: saved"))
        train.main(["gan"])


@pytest.mark.slow
def test_the_whole_path_from_data_to_an_editor(data, tmp_path, capsys, monkeypatch):
    cpu = ["--device", "cpu", "--precision", "fp32"]
    small = ["--g-width", "16", "--d-width", "8", "--batch-size", "4"]
    run, fitted, out = (str(tmp_path / name) for name in ("run", "classifier", "editor"))
    train.main(["gan", "--data", data, "--out", run, "--kimg", "0.008", *small, *cpu])
    train.main(["classifier", "--data", data, "--out", fitted, "--epochs", "1", "--batch-size", "8", *cpu])
    assert set(CELEBA_ATTRIBUTES) <= json.loads((tmp_path / "classifier" / "accuracy.json").read_text()).keys()
    networks = ["--classifiers", f"{fitted}/classifier.safetensors"]
    edits = str(tmp_path / "edits")
    train.main(["gan", "--data", data, "--out", edits, "--kimg", "0.004", *small, *networks, *cpu])
    generator = ["--generator", f"{run}/generator.safetensors"]
    classifier, taught = f"{fitted}/classifier.safetensors", str(tmp_path / "taught")
    parts = [*generator, "--student", classifier, "--teachers", f"{classifier},{classifier}", "--samples", "16"]
    train.main(["distil", "--data", data, *parts, "--out", taught, "--epochs", "1", "--batch-size", "8", *cpu])
    parts = [*generator, "--classifier", f"{taught}/classifier.safetensors"]
    monkeypatch.setattr("expressions.training.editor_fit.SIDE", 32)
    save_network(Lens(), tmp_path / "lens.safetensors")
    parts += ["--lens", str(tmp_path / "lens.safetensors")]
    train.main(["editor", *parts, "--out", out, "--samples", "1000"])
    assert sorted(path.name for path in (tmp_path / "editor").iterdir()) == ["config.json", "model.safetensors"]
    editor = Editor.from_pretrained(out)
    assert editor.attributes == (*CELEBA_ATTRIBUTES, "Skin_Tone")
    assert editor.lens is not None
    assert torch.equal(editor.edit(editor.latents([1]), {}), editor.latents([1]))
    assert 0 < sum((editor.chooser(editor.latents(range(100), 1)) <= editor.chooser.threshold).tolist()) < 100
    assert "those that it calls sound" in capsys.readouterr().out
