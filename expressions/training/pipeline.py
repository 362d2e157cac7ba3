"""The way from data to an editor: a table of stages, and what runs them one after the other."""

import argparse
import math
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import tqdm

from ..attributes import HUB_DATASET
from .config import TrainConfig
from .options import Options, add_flags, from_flags, option
from .run_folder import holds_run

# What a command leaves in the folder that `--out` names; a benchmark's `--out` is its file.
RESULTS = {
    "classifier": "classifier.safetensors",
    "identity": "identity.safetensors",
    "distil": "classifier.safetensors",
    "editor": "model.safetensors",
}


class Stage(NamedTuple):
    """A command whose `--out` is `$runs/NAME`. It needs the stages whose `$runs/NAME` it contains."""

    name: str
    lasts: str  # about, with size cpu on two cores with bf16
    command: str  # of Python, in the checkout
    cpu: str = ""  # further options with this size
    gpu: str = ""

    @property
    def needs(self) -> list[str]:
        """The stages that must come before."""
        return list(dict.fromkeys(re.findall(r"\$runs/(\w+)", self.command)))

    def arguments(self, config: "PipelineConfig") -> list[str]:
        """What Python is called with."""
        words = [*self.command.split(), "--out", f"$runs/{self.name}", *getattr(self, config.size).split()]
        return [word.replace("$runs", config.runs).replace("$data", config.data) for word in words]

    def last_file(self, config: "PipelineConfig") -> Path:
        """The file that says that the stage is finished."""
        _, command, *flags = self.arguments(config)
        if command == "gan":  # it writes its generator all the time, and the faces of its last step last
            parser = argparse.ArgumentParser()
            add_flags(parser, TrainConfig)
            steps = from_flags(TrainConfig, parser.parse_args(flags)).step_count
            return Path(config.runs, self.name, f"fakes-{steps:06d}.png")
        return Path(config.runs, self.name, RESULTS.get(command, ""))


# What the editor is made with knows the people of even numbers; what judges it knows the others.
CLASSIFIER = "train.py classifier --data $data --identities even"
SEEDS = (1, 2, 3, 4)
TEACHERS = ",".join(f"$runs/teacher{seed}/classifier.safetensors" for seed in SEEDS)
IDENTITY = "$runs/identity/identity.safetensors"
# The default rates were measured in trainings without edits: one with edits gives its own.
EDITS = f"train.py gan --data $data --classifiers {TEACHERS} --identity {IDENTITY}"
POLISH = (
    f"{EDITS} --features $runs/teacher1/classifier.safetensors,{IDENTITY}"
    " --g-lr 1e-4 --d-lr 2e-4 --beta1 0 --beta2 0.99"
)
BRANCHES = "$runs/strict/generator.safetensors,$runs/mild/generator.safetensors"
SMALL = "--g-width 16 --d-kernel 3"
BATCHES = "--batch-size 128 --penalty-batch 16 --ema-kimg 30"
STRICT = "--edit-weight 6 --pixel-weight 0.6 --seed 1"
MILD = "--edit-weight 2.5 --pixel-weight 0.3 --seed 2"
BRANCH = {"cpu": f"{SMALL} --kimg 24 --ema-kimg 8", "gpu": f"--kimg 240 {BATCHES} --texture-weight 1"}

# Four classifiers and an embedding of identities teach the generator. Its last training branches: one is strict about
# edits, one mild, and the editor has their mean. A fifth classifier learns what the four see in generated faces, and
# measures these for the editor.
#
# Size gpu is nearly the schedule of the embedded weights. Before the polish these also saw 420,000 images through one
# classifier and were averaged; the polish began with a new discriminator of pixels. In its midst they branched and were
# averaged once more, and went on with new discriminators, classifiers and embedding.
STAGES = (
    Stage("classifier", "a quarter of an hour", CLASSIFIER),
    Stage("identity", "half an hour", "train.py identity --data $data --identities even"),
    *(Stage(f"teacher{seed}", "a quarter of an hour", f"{CLASSIFIER} --seed {seed}") for seed in SEEDS),
    Stage(
        "gan",
        "2 to 4 hours",
        "train.py gan --data $data",
        cpu=SMALL,
        gpu=f"--kimg 3300 {BATCHES} --cooldown 0.3 --g-lr 3e-4 --d-lr 3e-4 --max-shift 4",
    ),
    Stage(
        "edits",
        "3 hours",
        f"{EDITS} --start $runs/gan --g-lr 2e-4 --d-lr 2e-4 --cooldown 0.5",
        cpu=f"{SMALL} --kimg 500 --ema-kimg 10",
        gpu=f"--kimg 1500 {BATCHES} --max-shift 4 --edit-weight 5 --pixel-weight 0.5",
    ),
    Stage(
        "polish",
        "1 to 2 hours",
        f"{POLISH} --start $runs/edits --cooldown 0.1 --edit-weight 3 --pixel-weight 0.3",
        cpu=f"{SMALL} --kimg 84 --lead-kimg 8 --ema-kimg 10",
        gpu=f"--kimg 2700 {BATCHES} --lead-kimg 60 --texture-weight 1",
    ),
    Stage("strict", "half an hour", f"{POLISH} --start $runs/polish --cooldown 0.6 {STRICT}", **BRANCH),
    Stage("mild", "half an hour", f"{POLISH} --start $runs/polish --cooldown 0.6 {MILD}", **BRANCH),
    Stage(
        "student",
        "half an hour",
        f"train.py distil --data $data --generator {BRANCHES} --student $runs/classifier/classifier.safetensors"
        f" --teachers {TEACHERS}",
    ),
    Stage(
        "editor",
        "10 minutes",
        f"train.py editor --generator {BRANCHES} --classifier $runs/student/classifier.safetensors",
    ),
    Stage("quality.json", "up to 11 minutes", "-m benchmarks.quality --data $data --weights $runs/editor"),
    Stage("editing.json", "up to two hours", "-m benchmarks.editing --data $data --weights $runs/editor --faces 32"),
)


@dataclass(frozen=True, kw_only=True)
class PipelineConfig(Options):
    """Every option of the way from data to an editor."""

    data: str = option(HUB_DATASET, "Hub id or local folder of the faces")
    size: str = option("cpu", "networks and lengths: for two CPU cores, or for a GPU", choices=("cpu", "gpu"))
    runs: str = option("runs", "folder for what the stages make, each in a folder of its own")


def plan(config: PipelineConfig) -> list[tuple[Stage, str, list[str]]]:
    """Each stage, whether it is finished, resumes or runs, and what Python is to be called with.

    A stage is finished if its last file is newer than those of all that it needs, and these are finished.
    """
    steps, finished = [], dict[str, float]()  # when
    for stage in STAGES:
        arguments, last_file, state = stage.arguments(config), stage.last_file(config), "runs"
        time = last_file.stat().st_mtime if last_file.exists() else -math.inf
        if last_file.exists() and all(finished.get(name, math.inf) <= time for name in stage.needs):
            finished[stage.name], state = time, "finished"
        elif holds_run(Path(config.runs, stage.name)):
            arguments, state = [*arguments, "--resume"], "resumes"
        steps.append((stage, state, arguments))
    return steps


def describe(config: PipelineConfig) -> str:
    """The plan as a text."""
    return "\n".join(
        f"{stage.name}: {state}"
        + f", {stage.lasts} on two cores" * (config.size == "cpu")
        + f"\n    python {shlex.join(arguments)}"
        for stage, state, arguments in plan(config)
    )


def run_python(arguments: list[str]) -> int:
    """Run Python with arguments; returns its exit status.

    Signals do not end the wait: a training saves before it ends. The terminal's SIGINT reaches it as well; SIGTERM is
    passed on.
    """
    with subprocess.Popen([sys.executable, *arguments]) as process:  # noqa: S603 the commands of this table
        interrupt = signal.signal(signal.SIGINT, lambda *_: None)
        terminate = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        status = process.wait()
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, terminate)
    return status


def run_all(config: PipelineConfig, execute: Callable[[list[str]], int] = run_python) -> str:
    """Run every stage from data to an editor: what is finished stays, a training goes on from its checkpoint.

    Raises:
        ChildProcessError: a stage failed; it is named.
    """
    for stage, state, arguments in plan(config):
        tqdm.write(f"stage {stage.name}: {state}")
        if state != "finished" and (status := execute(arguments)):
            raise ChildProcessError(f"stage {stage.name} ended with exit status {status}: run this again to go on")
    return f"editor: {Path(config.runs, 'editor')}"
