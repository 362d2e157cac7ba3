"""Clients of a loopback Hub, and the editors that they push and load.

The Hub's client reads its endpoint and folders when it is imported, so each client is a process: see `run_client`.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from expressions import Editor

_MODULES = os.pathsep.join([str(Path(__file__).parent.parent), str(Path(__file__).parent)])

# Editors ------------------------------------------------------------------------------------------


def random_editor(seed: int) -> Editor:
    """An untrained editor whose numbers survive the half precision in which they are saved."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        editor = Editor(["Smiling", "Male"], width=4, chooser=True)
        editor.response.normal_()
        editor.low.uniform_(-90, -10)
        editor.high.uniform_(10, 90)
    for parameter in editor.parameters():
        parameter.copy_(parameter.half())
    return editor


def files_of(editor: Editor, folder: Path) -> dict[str, bytes]:
    """The files of an editor, by name."""
    editor.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fingerprint(editor: Editor) -> str:
    """Digest of the pictures of three seeds and of what the editor measures in them; bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums depend on how they are split
    images = editor.synthesize(editor.latents([7, 8, 9]))
    content = images.numpy().tobytes() + editor.measure(images).numpy().tobytes()
    torch.set_num_threads(threads)
    return hashlib.sha256(content).hexdigest()


# Clients ------------------------------------------------------------------------------------------


def client_environment(endpoint: str, home: Path, **variables: str) -> dict[str, str]:
    """The environment of a client that knows only this Hub and has only this home folder."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    flags = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS", "OMP_NUM_THREADS")
    places = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "HOME": str(home), "NO_PROXY": "*"}
    return kept | dict.fromkeys(flags, "1") | places | {"PYTHONPATH": _MODULES} | variables


@dataclass(frozen=True)
class Output:
    """What a client said: the JSON of its last line, and everything it wrote."""

    value: Any
    text: str


def start_client(script: str, environment: Mapping[str, str], arguments: object = None) -> "subprocess.Popen[str]":
    """Start a Python script that finds `arguments` as JSON in sys.argv[1] and prints JSON as its last line."""
    command = [sys.executable, "-c", script, json.dumps(arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=dict(environment), cwd=environment["HOME"], text=True, **pipes)


def finish_client(client: "subprocess.Popen[str]") -> Output:
    """Wait for a client; its failure is shown with all that it wrote."""
    with client:
        stdout, stderr = client.communicate(timeout=300)
    assert client.returncode == 0, stdout + stderr
    return Output(json.loads(stdout.splitlines()[-1]), stdout + stderr)


def run_client(script: str, environment: Mapping[str, str], arguments: object = None) -> Output:
    """Start a client and wait for it."""
    return finish_client(start_client(script, environment, arguments))


# For run_client: loads each [source, options]; gives fingerprints and, where that failed, the message.
LOAD = """
import json, sys, traceback
from expressions import Editor, WeightsError
from hub_clients import fingerprint

answers = []
for source, options in json.loads(sys.argv[1]):
    try:
        answers.append(fingerprint(Editor.from_pretrained(source, **options)))
    except WeightsError as error:
        traceback.print_exc()
        answers.append(str(error))
print(json.dumps(answers))
"""
