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
from .keep import holds_network
from .options import Options, add_flags, from_flags, option
from .run_folder import holds_run

# What a command leaves in the folder that `--out` names; a benchmark's `--out` is its file.
RESULTS = {
    "classifier": "classifier.safetensors",
    "lens": "lens.safetensors",
    "distil": "classifier.safetensors",
    "editor": "model.safetensors",
}


NOTHING_KEPT = "none"


class Stage(NamedTuple):
    """A command whose `--out` is `$NAME`, a folder of its own. It needs the stages whose `$NAME` it contains."""

    name: str
    lasts: str  # about, with size cpu on two cores with bf16
    command: str  # of Python, in the checkout
    cpu: str = ""  # further options with this size
    gpu: str = ""
    given: str = ""  # further options where weights to start from are given

    @property
    def needs(self) -> list[str]:
        """The stages that must come before."""
        return [name for name in dict.fromkeys(re.findall(r"\$(\w+)", self.command)) if name != "data"]

    def arguments(self, config: "PipelineConfig") -> list[str]:
        """What Python is called with."""
        words = [*self.command.split(), "--out", str(config.folder(self.name)), *getattr(self, config.size).split()]
        if config.start:
            words += self.given.split()
        places = {name: str(config.folder(name)) for name in self.needs}
        places |= {"data": config.data, "start": config.start or ""}
        return [re.sub(r"\$(\w+)", lambda found: places[found[1]], word) for word in words]

    def last_file(self, config: "PipelineConfig") -> Path:
        """The file that says that the stage is finished."""
        _, command, *flags = self.arguments(config)
        if command == "gan":  # it writes its generator all the time, and the faces of its last step last
            parser = argparse.ArgumentParser()
            add_flags(parser, TrainConfig)
            steps = from_flags(TrainConfig, parser.parse_args(flags)).step_count
            return config.folder(self.name) / f"fakes-{steps:06d}.png"
        return config.folder(self.name) / RESULTS.get(command, "")


# What the editor is made with knows the people of even numbers; what judges it knows the others.
CLASSIFIER = "train.py classifier --data $data --identities even"
SEEDS = (1, 2)
TEACHERS = ",".join(f"$teacher{seed}/classifier.safetensors" for seed in SEEDS)

# Two classifiers teach the generator. A third one goes on from the first, learns what both see in generated faces, and
# measures these for the editor. A lens enlarges what they show.
STAGES = (
    *(Stage(f"teacher{seed}", "a quarter of an hour", f"{CLASSIFIER} --seed {seed}") for seed in SEEDS),
    Stage(
        "gan",
        "3 hours",
        f"train.py gan --data $data --classifiers {TEACHERS}",
        cpu="--kimg 300",
        gpu="--kimg 10000 --batch-size 128 --penalty-batch 32 --ema-kimg 30",
        given="--start $start --lead-kimg 3",
    ),
    Stage(
        "student",
        "half an hour",
        "train.py distil --data $data --generator $gan/generator.safetensors"
        f" --student $teacher1/classifier.safetensors --teachers {TEACHERS}",
    ),
    Stage("lens", "half an hour", "train.py lens --data $data --generator $gan/generator.safetensors"),
    Stage(
        "editor",
        "a quarter of an hour",
        "train.py editor --generator $gan/generator.safetensors"
        " --classifier $student/classifier.safetensors --lens $lens/lens.safetensors",
    ),
    Stage("quality.json", "half an hour", "-m benchmarks.quality --data $data --weights $editor"),
    Stage("editing.json", "10 minutes", "-m benchmarks.editing --data $data --weights $editor --faces 32"),
)


@dataclass(frozen=True, kw_only=True)
class PipelineConfig(Options):
    """Every option of the way from data to an editor."""

    data: str = option(HUB_DATASET, "Hub id or local folder of the faces")
    size: str = option("cpu", "lengths and batches: for two CPU cores, or for a GPU", choices=("cpu", "gpu"))
    runs: str = option("runs", "folder for what the stages make, each in a folder of its own")
    start: str | None = option(None, "editor's weights (folder or Hub id) with whose generator the stage gan begins")
    kept: str = option("weights", f"folder of networks that need not be fitted again; {NOTHING_KEPT}: fit all anew")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kept != NOTHING_KEPT and not Path(self.kept).is_dir():
            raise ValueError(f"kept must be a folder, or {NOTHING_KEPT}, got {self.kept!r}")

    def folder(self, stage: str) -> Path:
        """Where what a stage makes is, or will be."""
        return Path(self.kept if self.is_kept(stage) else self.runs, stage)

    def is_kept(self, stage: str) -> bool:
        """Whether the network that this stage makes was kept.

        Raises:
            ValueError: as for `holds_network`.
        """
        return self.kept != NOTHING_KEPT and holds_network(Path(self.kept, stage))


def plan(config: PipelineConfig) -> list[tuple[Stage, str, list[str]]]:
    """Each stage, whether it is finished, resumes or runs, and what Python is to be called with.

    A stage is finished if its last file is newer than those of all that it needs, and these are finished. What was
    kept is finished, and older than anything.
    """
    steps, finished = [], dict[str, float]()  # when
    for stage in STAGES:
        arguments, last_file, state = stage.arguments(config), stage.last_file(config), "runs"
        time = last_file.stat().st_mtime if last_file.exists() else -math.inf
        if config.is_kept(stage.name):
            finished[stage.name], state = -math.inf, "kept"
        elif last_file.exists() and all(finished.get(name, math.inf) <= time for name in stage.needs):
            finished[stage.name], state = time, "finished"
        elif holds_run(config.folder(stage.name)):
            arguments, state = [*arguments, "--resume"], "resumes"
        steps.append((stage, state, arguments))
    return steps


def describe(config: PipelineConfig) -> str:
    """The plan as a text."""
    return "\n".join(
        f"{stage.name}: {state}"
        + f", {stage.lasts} on two cores" * (config.size == "cpu" and state != "kept")
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
        if state not in ("kept", "finished") and (status := execute(arguments)):
            raise ChildProcessError(f"stage {stage.name} ended with exit status {status}: run this again to go on")
    return f"editor: {Path(config.runs, 'editor')}"
