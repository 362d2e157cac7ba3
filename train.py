"""Command line: fit the generator, the classifiers it learns edits from and the editor; push them to the Hub."""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.editor import published_figures
from expressions.networks.averaging import mean_generator
from expressions.networks.classifier import (
    AttributeClassifier,
    load_classifier,
    load_classifiers,
    predict,
    save_classifier,
)
from expressions.networks.generator import Generator
from expressions.networks.identity import save_identity
from expressions.publishing.space import publish_space
from expressions.publishing.weights import publish
from expressions.training.classifier_fit import ClassifierConfig, accuracy, fit_classifier
from expressions.training.config import DataOptions, TrainConfig
from expressions.training.data import Faces, load_faces
from expressions.training.distillation import DistillationConfig, distil
from expressions.training.distributed import leave_processes, process_rank
from expressions.training.editor_fit import EditorConfig, fit_editor
from expressions.training.identity_fit import VERIFIED, IdentityConfig, fit_identity, verification
from expressions.training.loop import check_ready, train
from expressions.training.options import add_flags, check, from_flags, option, split_paths

CHECKOUT = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """Every option of a push to the Hub."""

    repo_id: str | None = option(None, "repository for the weights and their model card, owner/name")
    space: str | None = option(
        None, "Space for the page, owner/name; it shows the weights, pinned in --repo-id if given"
    )
    weights: str | None = option(None, "folder of the editor; the embedded one if not given")
    private: bool = option(False, "create the repository or the Space as a private one")
    revision: str | None = option(None, "branch of --repo-id to push to; created if it does not exist")

    def __post_init__(self) -> None:
        check(self)
        if not (self.repo_id or self.space):
            raise ValueError("say where to push: --repo-id owner/name for the weights, --space owner/name for the page")
        if self.revision and not self.repo_id:
            raise ValueError("--revision belongs to the weights' repository: give --repo-id too")


def fit_gan(config: TrainConfig) -> None:
    """Train the generator against a discriminator."""
    check_ready(config)
    path = train(config, _faces(config, config.split).images)
    if process_rank() == 0:
        print(f"generator: {path}")


def classify(config: ClassifierConfig) -> None:
    """Fit the classifier of all 40 attributes and report its accuracy."""
    config.resolve()
    out = _folder(config.out)
    faces = _faces(config, config.split, CELEBA_ATTRIBUTES)
    test_faces = _faces(config, config.test_split, CELEBA_ATTRIBUTES)
    _keep_classifier(fit_classifier(faces.images, faces.labels, config), test_faces, out)


def teach(config: DistillationConfig) -> None:
    """Distil the mean of several classifiers, as they score generated faces, into one for the editor."""
    config.resolve()
    out = _folder(config.out)
    (student, *teachers), attributes = load_classifiers([config.student, *split_paths(config.teachers)])
    generator = _mean_generator(config.generator)
    test_faces = _faces(config, config.test_split, list(attributes))
    _keep_classifier(distil(student, teachers, generator, config), test_faces, out)


def _keep_classifier(model: AttributeClassifier, test_faces: Faces, out: Path) -> None:
    """Save a classifier, and report its accuracy."""
    rates = accuracy(predict(model, test_faces.images), test_faces.labels)
    report = {"mean": rates.mean().item(), "faces": len(test_faces)}
    report |= dict(zip(test_faces.attributes, rates.tolist(), strict=True))
    save_classifier(model, test_faces.attributes, out / "classifier.safetensors")
    (out / "accuracy.json").write_text(json.dumps(report, indent=2) + "\n")
    for name, rate in report.items():
        print(f"{name:20} {rate:.3f}" if name != "faces" else f"{name:20} {rate}")


def recognise(config: IdentityConfig) -> None:
    """Fit the identity embedding and report how well it tells people apart."""
    config.resolve()
    out = _folder(config.out)
    faces = _faces(config, config.split, people=True)
    test_faces = _faces(config, config.test_split, people=True)
    embedding = fit_identity(faces.images, faces.people, config)
    save_identity(embedding, out / "identity.safetensors")
    embeddings = predict(embedding, test_faces.images[:VERIFIED])
    area = verification(embeddings, test_faces.people)
    (out / "verification.json").write_text(json.dumps({"auc": area, "faces": len(embeddings)}, indent=2) + "\n")
    print(f"area under the curve of {len(embeddings)} faces' pairs: {area:.3f}")


def fit(config: EditorConfig) -> None:
    """Calibrate the attributes and find the latent directions."""
    out = _folder(config.out)
    classifier, attributes = load_classifier(Path(config.classifier))
    editor = fit_editor(_mean_generator(config.generator), classifier, attributes, config)
    with tempfile.TemporaryDirectory(dir=out) as complete:  # so that what was saved is replaced, not overwritten
        editor.save_pretrained(complete)
        for name in (constants.CONFIG_NAME, constants.SAFETENSORS_SINGLE_FILE):
            (Path(complete) / name).replace(out / name)
    print(f"editor: {out}")


def _mean_generator(paths: str) -> Generator:
    return mean_generator([Path(path) for path in split_paths(paths)])


def push(config: PushConfig) -> None:
    """Push an editor to the Hub: its weights with a model card, a Space that shows it, or both."""
    editor = Editor.from_pretrained(config.weights)
    figures = published_figures(editor.fingerprint()).get("quality")
    options: dict[str, Any] = {"private": config.private, "revision": config.revision, "figures": figures}
    if config.repo_id and not figures:
        print("nothing was measured of these weights: their card has no figures")
    if config.space:
        urls = publish_space(editor, config.space, CHECKOUT, repo_id=config.repo_id, **options)
    else:
        urls = [publish(editor, str(config.repo_id), **options)]
    print("\n".join(urls))


def _folder(path: str) -> Path:
    """Make a folder before the work whose result it is for."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


COMMANDS: dict[str, tuple[type, Callable[[Any], None]]] = {
    "gan": (TrainConfig, fit_gan),
    "classifier": (ClassifierConfig, classify),
    "identity": (IdentityConfig, recognise),
    "distil": (DistillationConfig, teach),
    "editor": (EditorConfig, fit),
    "push": (PushConfig, push),
}


def _faces(config: DataOptions, split: str, attributes: list[str] | None = None, people: bool = False) -> Faces:
    return load_faces(
        config.data,
        split,
        revision=config.revision,
        attributes=attributes or (),
        identities=config.identities,
        people=people,
        streaming=config.streaming,
        limit=config.limit,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (options, run) in COMMANDS.items():
        command = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        command.add_argument("--dry-run", action="store_true", help="print what would run, and stop")
        add_flags(command, options)
    parsed = parser.parse_args(arguments)
    options, run = COMMANDS[parsed.command]
    try:
        config: Any = from_flags(options, parsed)
        if parsed.dry_run:
            print(json.dumps({"command": parsed.command, **dataclasses.asdict(config)}, indent=2))
        else:
            run(config)
    except KeyboardInterrupt:
        sys.exit(f"train.py {parsed.command}: interrupted; what was saved or pushed before stays")
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"train.py {parsed.command}: error: {error}")
    finally:
        leave_processes()


if __name__ == "__main__":
    main()
