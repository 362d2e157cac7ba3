"""Command line: fit the generator, the classifiers it learns edits from and the editor; push them to the Hub."""

import argparse
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from expressions import Editor
from expressions.figures import published_figures
from expressions.publishing.space import publish_space
from expressions.publishing.static_space import publish_site
from expressions.publishing.weights import publish
from expressions.training.classifier_fit import ClassifierConfig, run_classifier
from expressions.training.config import TrainConfig
from expressions.training.data import load_faces
from expressions.training.distillation import DistillationConfig, run_distil
from expressions.training.distributed import leave_processes, process_rank
from expressions.training.editor_fit import EditorConfig, run_editor
from expressions.training.keep import KeepConfig, run_keep
from expressions.training.lens_fit import LensConfig, run_lens
from expressions.training.loop import Training
from expressions.training.options import Options, add_flags, from_flags, option
from expressions.training.pipeline import PipelineConfig, describe, run_all

CHECKOUT = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class PushConfig(Options):
    """Every option of a push to the Hub."""

    repo_id: str | None = option(None, "repository for the weights and their model card, owner/name")
    space: str | None = option(
        None, "Space for the page, owner/name; it shows the weights, pinned in --repo-id if given"
    )
    static_space: str | None = option(None, "Space for the exported page, which runs nothing, owner/name")
    weights: str | None = option(None, "folder of the editor; the embedded one if not given")
    private: bool = option(False, "create the repository or the Space as a private one")
    revision: str | None = option(None, "branch of --repo-id to push to; created if it does not exist")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.repo_id or self.space or self.static_space):
            page = "--space or --static-space owner/name for the page"
            raise ValueError(f"say where to push: --repo-id owner/name for the weights, {page}")
        if self.revision and not self.repo_id:
            raise ValueError("--revision belongs to the weights' repository: give --repo-id too")


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Options):
    """Every option of an export."""

    out: str = option("site", "folder for the page: empty, new, or with an earlier one")
    weights: str | None = option(None, "folder of the editor; the embedded one if not given")


def run_gan(config: TrainConfig) -> str:
    """Train the generator against a discriminator."""
    training = Training(config)  # refuses what it can before the data are read
    path = training.run(load_faces(config, config.split).images)
    return f"generator: {path}" if process_rank() == 0 else ""


def run_push(config: PushConfig) -> str:
    """Push an editor to the Hub: its weights with a model card, a Space that shows it, a static one, or all of them."""
    editor = Editor.from_pretrained(config.weights)
    figures = published_figures(editor.fingerprint()).get("quality")
    options: dict[str, Any] = {"private": config.private, "revision": config.revision, "figures": figures}
    told = [] if figures or not config.repo_id else ["nothing was measured of these weights: their card has no figures"]
    if config.space:
        told += publish_space(editor, config.space, CHECKOUT, repo_id=config.repo_id, **options)
    elif config.repo_id:
        told += [publish(editor, config.repo_id, **options)]
    if config.static_space:
        with TemporaryDirectory() as folder:
            write_site(editor, Path(folder))
            told += [publish_site(Path(folder), config.static_space, CHECKOUT / "README.md", private=config.private)]
    return "\n".join(told)


def run_export(config: ExportConfig) -> str:
    """Write the page as files for a host that runs nothing: faces are drawn in the visitor's browser."""
    write_site(Editor.from_pretrained(config.weights), Path(config.out))
    return f"page: {Path(config.out) / 'index.html'}"


def write_site(editor: Editor, folder: Path) -> None:
    from expressions.demo.site import export_site  # needs what the page needs, as no other command does

    export_site(editor, folder)


# The options of each command, and what runs it and returns what to print.
COMMANDS: dict[str, tuple[type[Options], Callable[[Any], str]]] = {
    "all": (PipelineConfig, run_all),
    "gan": (TrainConfig, run_gan),
    "classifier": (ClassifierConfig, run_classifier),
    "distil": (DistillationConfig, run_distil),
    "lens": (LensConfig, run_lens),
    "editor": (EditorConfig, run_editor),
    "keep": (KeepConfig, run_keep),
    "push": (PushConfig, run_push),
    "export": (ExportConfig, run_export),
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (options, run) in COMMANDS.items():
        about, *_ = str(run.__doc__).splitlines()
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--dry-run", action="store_true", help="print what would run, and stop")
        command.add_argument("--debug", action="store_true", help="print the traceback of an error")
        add_flags(command, options)
    return parser


def tell(text: str) -> None:
    """Print what a command returned; it is no failure if nobody reads it, or the disk of a log is full."""
    try:
        if text:
            print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python can flush it when it ends


def main(arguments: list[str] | None = None) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal cannot print is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    parsed = make_parser().parse_args(arguments)
    options, run = COMMANDS[parsed.command]
    try:
        config: Any = from_flags(options, parsed)
        if not parsed.dry_run:
            tell(run(config))
        elif run is run_all:
            print(describe(config))
        else:
            print(json.dumps({"command": parsed.command, **dataclasses.asdict(config)}, indent=2))
    except KeyboardInterrupt:
        sys.exit(f"train.py {parsed.command}: interrupted; what was saved or pushed before stays")
    except (ValueError, OSError, FloatingPointError) as error:
        if parsed.debug:
            raise
        sys.exit(f"train.py {parsed.command}: error: {error}")
    finally:
        leave_processes()


if __name__ == "__main__":
    main()
