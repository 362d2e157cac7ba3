"""Image quality against the held-out split, beside what real faces get: realism, diversity, rare attributes, copies.

Two kinds of judges look at the faces. Networks from outside (outside.py) see whether they are real: no training of this
project looked through them. The evaluator (evaluator.py) and an untrained network, which sees texture and colour, tell
whether attributes come as often as in real faces. The floor is the same measurement of faces of the training split.

    pip install --no-deps -r benchmarks/requirements.txt
    python -m benchmarks.quality --data DATA --plain benchmarks/plain.safetensors

Prints tables. Writes quality.json, which page, model card, README.md and docs/figures.md show. To choose among
generators,

    python -m benchmarks.quality --data DATA --quick --generator first=FILE second=FILE

judges them beside the weights with MobileNetV2 and the face detector alone, and writes nothing. With

    python -m benchmarks.quality --data DATA --inception FILE --fakes 50000

it prints the Frechet Inception distance alone, by which others compare generators. FILE is inception-2015-12-05.pt,
which StyleGAN2-ADA names. Faces have 64 pixels, of the crop that docs/figures.md tells. All faces of the training
split stand for real ones, and the floor is the distance of the held-out ones to them.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.errors import first_line
from expressions.images import to_uint8
from expressions.latents import MAX_ATTEMPTS
from expressions.networks.classifier import predict
from expressions.networks.generator import BATCH
from expressions.training.config import DataOptions
from expressions.training.data import load_faces
from expressions.training.metrics import RandomFeatures, frechet_distance, nearest_distance, neighbourhood_scores

from . import tables
from .evaluator import command_line, load_evaluator, measured_on, plain_editor
from .outside import BATCH as OUTSIDE_BATCH
from .outside_judge import OutsideJudge, Scale
from .readers import faces_of
from .reports import REAL, FaceFigures, QualityReport, write_report

COMMON = 0.03  # a rate from which an attribute's share of the faces is compared
JUDGED_COPIES = 3000  # faces whose nearest training face is looked for
FIRST_SEED = 1_000_000  # no fit and no other benchmark draws seeds from here to 2,000,000


class QualityJudge:
    """The held-out faces in both feature spaces, and the training faces to find copies of.

    Args:
        evaluator: file of its weights.
        held_out: (N, 3, 64, 64) uint8.
        training: (M, 3, 64, 64) uint8, on the device that computes.
    """

    def __init__(self, evaluator: Path, held_out: Tensor, training: Tensor) -> None:
        self.evaluator = load_evaluator(evaluator).to(training.device)
        self.random = RandomFeatures(seed=1, widths=(3, 16, 64, 128)).to(training.device)
        held_out = held_out.to(training.device)
        features = predict(self.evaluator.features, held_out)
        self.rates = self._rates(features)
        self.attribute_scale, self.random_scale = Scale(features), Scale(predict(self.random, held_out))
        self.training = self.attribute_scale(predict(self.evaluator.features, training))
        self.held_out_nearest = nearest_distance(self.attribute_scale.held_out, self.training).median()

    def _rates(self, features: Tensor) -> Tensor:
        """Share of the faces that show each attribute, (40,)."""
        return (self.evaluator.head(features) > 0).double().mean(0)

    def assess(self, images: Tensor) -> FaceFigures:
        """Measure uint8 faces (N, 3, 64, 64) against the held-out ones.

        Returns:
            Frechet distances in features that have variance 1 over the held-out faces; recall and coverage in the
            attribute space; `rate_error`, the mean over 40 attributes of the difference of rates; `worst_rate`,
            the largest factor between the rates of an attribute that at least 3 % of the held-out faces show;
            `novelty`, the median distance to the nearest training face, divided by that of held-out faces: well below
            1 where training faces are copied.
        """
        features = predict(self.evaluator.features, images)
        real, seen = self.attribute_scale.held_out, self.attribute_scale(features)
        scores = neighbourhood_scores(real, seen)
        nearest = nearest_distance(seen[:JUDGED_COPIES], self.training).median()
        rates = self._rates(features)
        common = self.rates > COMMON
        ratios = (rates[common].clamp_min(1e-4) / self.rates[common]).log().abs()
        return {
            "fd_attributes": frechet_distance(real, seen),
            "fd_random": frechet_distance(self.random_scale.held_out, self.random_scale(predict(self.random, images))),
            "recall": scores["recall"],
            "coverage": scores["coverage"],
            "rate_error": (rates - self.rates).abs().mean().item(),
            "worst_rate": ratios.max().exp().item(),
            "novelty": (nearest / self.held_out_nearest).item(),
        }


def editor_faces(editor: Editor, attempts: int, count: int, repeat: int) -> Tensor:
    """uint8 faces (count, 3, 64, 64) of consecutive seeds, of so many draws each; each repeat has its own seeds."""
    first = FIRST_SEED + repeat * count
    return to_uint8(faces_of(editor, editor.latents(range(first, first + count), attempts)))


@torch.no_grad()
def inception_distances(file: Path, sets: Mapping[str, Tensor], training: Tensor) -> dict[str, float]:
    """Frechet Inception distances (FID; Heusel et al. 2017, arXiv:1706.08500).

    Args:
        file: `inception-2015-12-05.pt`, the TorchScript file that StyleGAN2-ADA and clean-fid download.
        sets: uint8 faces (N, 3, 64, 64), by who draws them.
        training: (M, 3, 64, 64) uint8, to which they are compared.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        network = torch.jit.load(str(file), map_location=training.device).eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"{file} is not a TorchScript file: {first_line(error)}") from error

    def features(faces: Tensor) -> Tensor:
        """(N, 2048). The network enlarges faces to 299 pixels by itself, as TensorFlow did."""
        parts = faces.to(training.device).split(OUTSIDE_BATCH)
        return torch.cat([network(part, return_features=True) for part in parts])

    real = features(training)
    return {name: frechet_distance(real, features(faces)) for name, faces in sets.items()}


def named_generator(text: str) -> tuple[str, Path]:
    """`name=FILE` of the command line."""
    name, sign, path = text.partition("=")
    if not (name and sign and path) or name in tables.GENERATORS:
        known = ", ".join(tables.GENERATORS)
        raise argparse.ArgumentTypeError(f"expected name=FILE, with a name other than {known}, got {text!r}")
    return name, Path(path)


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--plain", type=Path, help="generator trained without edits, for comparison")
    parser.add_argument(
        "--generator",
        nargs="+",
        type=named_generator,
        default=[],
        metavar="NAME=FILE",
        help="others to judge beside it",
    )
    parser.add_argument("--quick", action="store_true", help="judge by two networks from outside alone; write nothing")
    parser.add_argument("--inception", type=Path, metavar="FILE", help="print the FID by this network; write nothing")
    parser.add_argument("--fakes", type=int, default=10_000, help="faces of a set")
    parser.add_argument("--repeats", type=int, default=3, help="sets, of which the medians are shown")
    parser.add_argument("--outside-fakes", type=int, default=3000, help="faces that networks from outside see")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/quality.json"), help="where to write the figures")
    arguments = parser.parse_args()
    fakes, seen, repeats = arguments.fakes, arguments.outside_fakes, range(arguments.repeats)
    if not repeats:
        parser.error("--repeats must be positive")
    for name, count in (("--fakes", fakes), ("--outside-fakes", seen)):
        if count < BATCH:
            parser.error(f"{name} must be at least {BATCH}, got {count}")
    device = torch.device(arguments.device)
    editor = Editor.from_pretrained(arguments.weights).to(device)
    drawn = {"weights": (editor, 1)}  # who draws, and from how many attempts
    if editor.chooser is not None:
        drawn["chosen"] = (editor, MAX_ATTEMPTS)
    files = dict([("without edits", arguments.plain)] if arguments.plain else []) | dict(arguments.generator)
    for name, path in files.items():
        drawn[name] = (plain_editor(path, CELEBA_ATTRIBUTES).to(device), 1)
    training = load_faces(DataOptions(data=arguments.data), "train").images.to(device)
    if not arguments.inception and len(training) < max(fakes, seen):
        raise SystemExit(f"{arguments.data} has {len(training)} faces to train on, fewer than {max(fakes, seen)}")
    held_out = load_faces(DataOptions(data=arguments.data), "valid", people=True)
    if arguments.inception:
        sets = {name: editor_faces(*drawing, fakes, 0) for name, drawing in drawn.items()} | {REAL: held_out.images}
        print(tables.inception(inception_distances(arguments.inception, sets, training), fakes, len(training)))
        return
    # Where there are too few real faces, some are in several sets.
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0)).to(device)

    strangers = OutsideJudge(held_out, training, device, arguments.quick)
    judged = {name: strangers.assess(editor_faces(*drawing, seen, 0)) for name, drawing in drawn.items()}
    judged[REAL] = strangers.assess(training[order[:seen]])
    if arguments.quick:
        print(tables.outside(judged, seen))
        return
    judged[REAL]["copies"] = strangers.copies(held_out.images)  # a training face is its own copy
    judge = QualityJudge(arguments.evaluator, held_out.images, training)
    report: QualityReport = {
        **measured_on(editor, arguments.evaluator),
        "fakes": fakes,
        "held_out": len(held_out),
        "training": len(training),
        "rows": {REAL: [judge.assess(training[order.roll(-repeat * fakes)[:fakes]]) for repeat in repeats]},
        "outside_fakes": seen,
        "outside": judged,
    }
    for name, drawing in drawn.items():
        report["rows"][name] = [judge.assess(editor_faces(*drawing, fakes, repeat)) for repeat in repeats]
    write_report(report, arguments.out)
    print(tables.faces(report), tables.outside(judged, seen), sep="\n")


if __name__ == "__main__":
    main()
