"""Image quality against the held-out split, beside what real faces get: fidelity, diversity, rare attributes, copies.

Two judges took no part in any training here (see judges.py): the features of an attribute evaluator, and those of
an untrained network. The floor is the same measurement of real faces of the training split.

With `--kimg` recipes are judged instead: the plain one, this project's and others of recipes.py are trained on as many
images each, or where they are called so on twice as many, with one seed for each repeat. Finished trainings are kept in
`--runs` and not repeated.

    PYTHONPATH=. python benchmarks/quality.py --data DATA
    PYTHONPATH=. python benchmarks/quality.py --data DATA --kimg 40 --variants "spectral norm" "half width"

Prints a table. Writes quality.json, which README.md and the model card show, or comparison.json, on a GPU
comparison_cuda.json, which the README beside it shows.
"""

import argparse
import functools
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from judges import judged_by, load_evaluator, measured_on, parser_of_judgements, plain_editor
from machine import device_name
from recipes import OURS, REFERENCE, TWICE, as_variant, is_normalised, new_state, options_of
from reference import Reference
from reports import path_of_report, write_report
from safetensors.torch import load_file
from torch import Tensor
from tqdm.auto import tqdm

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.files import RunError
from expressions.images import to_uint8, to_unit
from expressions.networks.averaging import estimate_statistics
from expressions.networks.classifier import predict
from expressions.networks.files import load_generator, save_network
from expressions.networks.generator import BATCH, Generator
from expressions.training.config import TrainConfig
from expressions.training.data import Faces, load_faces
from expressions.training.loop import train
from expressions.training.metrics import (
    RandomFeatures,
    frechet_distance,
    kernel_distance,
    nearest_distance,
    neighbourhood_scores,
)
from expressions.training.run_folder import GENERATOR, check_options, holds_run, start_run
from expressions.training.step import train_step

COMMON = 0.03  # a rate from which an attribute's share of the faces is compared
DISTANCES = ("fd_attributes", "fd_random")
Figures = dict[str, float]
Row = dict[str, list[float]]  # by figure, its value for each set of faces
FORMATS = {
    "fd_attributes": "{:.3f}",
    "kid_attributes": "{:.4f}",
    "fd_random": "{:.3f}",
    "kid_random": "{:.4f}",
    "precision": "{:.3f}",
    "recall": "{:.3f}",
    "density": "{:.3f}",
    "coverage": "{:.3f}",
    "rate_error": "{:.3f}",
    "worst_rate": "{:.2f}",
    "novelty": "{:.3f}",
}


class Judges:
    """Held-out faces as both judges see them, and the training faces for comparison."""

    def __init__(self, evaluator: Path, held_out: Faces, train_images: Tensor) -> None:
        device = train_images.device
        self.evaluator = load_evaluator(evaluator).to(device)
        self.random = RandomFeatures(seed=1, widths=(3, 16, 64, 128)).to(device)
        raw = {name: predict(network, held_out.images.to(device)) for name, network in self._spaces()}
        self.rates = (self.evaluator.head(raw["attributes"]) > 0).double().mean(0)
        self.scale = {name: (values.mean(0), values.std(0) + 1e-6) for name, values in raw.items()}
        self.held_out = {name: self._standardise(name, values) for name, values in raw.items()}
        self.training = self._standardise("attributes", predict(self.evaluator.features, train_images))
        self.held_out_nearest = nearest_distance(self.held_out["attributes"], self.training).median()

    def _spaces(self) -> Iterator[tuple[str, torch.nn.Module]]:
        yield "attributes", self.evaluator.features
        yield "random", self.random

    def _standardise(self, space: str, values: Tensor) -> Tensor:
        mean, deviation = self.scale[space]
        return (values - mean) / deviation

    def assess(self, images: Tensor) -> Figures:
        """Measure uint8 faces (N, 3, 64, 64) against the held-out ones.

        Returns:
            Frechet and kernel distances in features that have variance 1 over the held-out faces; precision, recall,
            density and coverage in the attribute space; `rate_error`, the mean over 40 attributes of the
            difference of rates; `worst_rate`, the largest factor between the rates of an attribute that at least
            3 % of the held-out faces show; `novelty`, the median distance to the nearest training face,
            divided by that of held-out faces: well below 1 where training faces are copied.
        """
        raw = {space: predict(network, images) for space, network in self._spaces()}
        values = {space: self._standardise(space, seen) for space, seen in raw.items()}
        figures: Figures = {}
        for space, held_out in self.held_out.items():
            figures[f"fd_{space}"] = frechet_distance(held_out, values[space])
            figures[f"kid_{space}"] = kernel_distance(held_out, values[space])
        figures |= neighbourhood_scores(self.held_out["attributes"], values["attributes"])
        nearest = nearest_distance(values["attributes"][:3000], self.training).median()
        figures["novelty"] = (nearest / self.held_out_nearest).item()
        rates = (self.evaluator.head(raw["attributes"]) > 0).double().mean(0)
        figures["rate_error"] = (rates - self.rates).abs().mean().item()
        common = self.rates > COMMON
        ratios = (rates[common].clamp_min(1e-4) / self.rates[common]).log().abs()
        figures["worst_rate"] = ratios.max().exp().item()
        return figures


# What is judged -----------------------------------------------------------------------------------


def editor_faces(editor: Editor, count: int, repeat: int) -> Tensor:
    """uint8 faces (N, 3, 64, 64) of consecutive seeds; each repeat has its own."""
    first = 1_000_000 + repeat * count
    batches = torch.arange(first, first + count).split(250)
    latents = (editor.latents(batch.tolist()).to(editor.low) for batch in batches)
    return torch.cat([to_uint8(editor.synthesize(z)) for z in latents])


def recipe_faces(recipe: str, seed: int, images: Tensor, arguments: argparse.Namespace) -> Tensor:
    """uint8 faces (N, 3, 64, 64) of a generator trained for this, or kept from an earlier call."""
    run = arguments.runs / f"{recipe.replace(' ', '-')}-seed{seed}-{arguments.kimg:g}kimg-{arguments.device}"
    config = TrainConfig(
        data=arguments.data,
        out=str(run),
        kimg=arguments.kimg * (2 if recipe.endswith(TWICE) else 1),
        seed=seed,
        device=arguments.device,
        resume=holds_run(run),
        **options_of(recipe),
    )
    if recipe == REFERENCE:
        return to_uint8(_reference(config, images).generate(arguments.fakes, seed))
    altered = is_normalised(recipe)
    generator = _spectrally_normalised(recipe, config, images) if altered else load_generator(train(config, images))
    return draw_faces(generator.to(images.device), arguments.fakes, seed)


@torch.no_grad()
def draw_faces(generator: Generator, count: int, seed: int) -> Tensor:
    """uint8 faces (N, 3, 64, 64) of an averaged generator, whose batch-norm statistics are estimated anew."""
    device = generator.directions.device
    rng = torch.Generator().manual_seed(seed)
    z, others = torch.rand(2, count, generator.z_dim, generator=rng).to(device) * 2 - 1
    estimate_statistics(generator, others)
    return torch.cat([to_uint8(generator(part)) for part in z.split(BATCH)])


def _spectrally_normalised(recipe: str, config: TrainConfig, images: Tensor) -> Generator:
    """The averaged generator of a training whose discriminator is not that of the package."""
    device, dtype = config.resolve()
    run = Path(config.out)
    state, path = new_state(recipe, config, device), run / GENERATOR
    if path.exists():
        check_options(run, config)
        state.ema.load_state_dict(load_file(path))
        return state.ema
    start_run(run, config)
    for _ in tqdm(range(config.step_count), desc=run.name, unit="step"):
        train_step(state, images, config, dtype)
    save_network(state.ema, path)
    return state.ema


def _reference(config: TrainConfig, images: Tensor) -> Reference:
    """The plain recipe's networks after as many images from the same seed, in the order of a shuffling loader."""
    run = Path(config.out)
    reference, path = Reference(config.seed, images.device), run / GENERATOR
    if path.exists():
        check_options(run, config)
        reference.generator.load_state_dict(load_file(path))
        return reference
    start_run(run, config)
    batches = shuffled(images, round(config.kimg * 1000), config.seed)
    for batch in tqdm(batches, desc="reference", unit="step", total=config.step_count):
        reference.step(batch)
    save_network(reference.generator, path)
    return reference


def shuffled(images: Tensor, count: int, seed: int) -> Iterator[Tensor]:
    """So many uint8 images in batches of 64, as a shuffling loader gives them: floats in [-1, 1], pass after pass."""
    rng = torch.Generator().manual_seed(seed)
    passes = [torch.randperm(len(images), generator=rng) for _ in range(0, count, len(images))]
    for index in torch.cat(passes)[:count].split(64):
        yield to_unit(images[index])


# The tables ---------------------------------------------------------------------------------------


def measure(name: str, faces: Callable[[int], Tensor], judges: Judges, repeats: int) -> Row:
    """Assess so many sets of faces; returns each figure's values and prints their medians."""
    sets = [judges.assess(faces(repeat)) for repeat in range(repeats)]
    row = {figure: [one[figure] for one in sets] for figure in FORMATS}
    cells = [FORMATS[figure].format(statistics.median(values)) for figure, values in row.items()]
    print(f"{name:24}" + "".join(f"{cell:>15}" for cell in cells), flush=True)
    return row


def card_figures(row: Row, floor: Row, fakes: int, held_out: int) -> dict[str, Any]:
    """The figures of one generator as the model card takes them, each with its floor."""
    figures = {}
    for name, values in row.items():
        text = FORMATS[name].format
        real = "1 by definition" if name == "novelty" else text(statistics.median(floor[name]))
        note = f"median of {', '.join(map(text, values))}; real faces: {real}; against {held_out} held-out faces"
        figures[name] = {"value": statistics.median(values), "samples": fakes, "note": note}
    return figures


def compare(arguments: argparse.Namespace, images: Tensor, judges: Judges, floor: Row) -> None:
    """Train every recipe, or read what an earlier call trained, and measure it."""
    rows = {"real faces": floor}
    for recipe in (REFERENCE, OURS, *arguments.variants):

        def faces(seed: int, recipe: str = recipe) -> Tensor:
            return recipe_faces(recipe, seed, images, arguments)

        try:
            rows[recipe] = measure(recipe, faces, judges, arguments.repeats)
        except RunError as error:
            raise SystemExit(f"{error}\n(they are kept in {arguments.runs}: --runs names another folder)") from error
    left = {recipe: above_floor(rows[recipe], rows[REFERENCE], floor) for recipe in (OURS, *arguments.variants)}
    for recipe, shares in left.items():
        told = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        print(f"{recipe} to the reference, above the floor: {told}")
    report = judged_by(arguments.evaluator) | {
        "device": device_name(images.device),
        "kimg": arguments.kimg,
        "fakes": arguments.fakes,
        "held_out": len(judges.held_out["random"]),
        "above_floor": left,
        "rows": rows,
    }
    write_report(report, arguments.out or path_of_report("comparison", images.device))


def above_floor(row: Row, reference: Row, floor: Row) -> Figures:
    """What of the reference's distances above those of real faces is left, for each of the Frechet distances."""

    def distance(one: Row, name: str) -> float:
        return statistics.median(one[name]) - statistics.median(floor[name])

    return {name: distance(row, name) / distance(reference, name) for name in DISTANCES}


def options() -> argparse.Namespace:
    """The command line; ends the process where it cannot be carried out."""
    parser = parser_of_judgements(__doc__)
    parser.add_argument("--plain", type=Path, help="generator trained without edits, for comparison")
    parser.add_argument("--kimg", type=float, help="judge recipes instead, trained on so many thousand images")
    parser.add_argument("--variants", nargs="*", type=as_variant, default=[], help="names of others, as in recipes.py")
    parser.add_argument("--fakes", type=int, default=10_000, help="faces of a set")
    parser.add_argument("--repeats", type=int, default=3, help="sets, or trainings, of which the medians are reported")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--runs", type=Path, default=Path("runs/quality"), help="where the trainings are kept")
    parser.add_argument("--out", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or (arguments.kimg is not None and not arguments.kimg > 0):
        parser.error("--repeats and --kimg must be positive")
    if arguments.variants and arguments.kimg is None:
        parser.error("--variants are recipes, which are trained: give --kimg too")
    if arguments.kimg is not None and (arguments.weights or arguments.plain):
        parser.error("with --kimg recipes are judged: --weights and --plain do not belong to it")
    if arguments.fakes < BATCH:
        parser.error(f"--fakes must be at least {BATCH}, got {arguments.fakes}")
    return arguments


def main() -> None:
    arguments = options()
    device, editors = torch.device(arguments.device), {}
    if arguments.kimg is None:
        editors["weights"] = Editor.from_pretrained(arguments.weights).to(device)
    if arguments.plain:
        editors["without edits"] = plain_editor(arguments.plain, CELEBA_ATTRIBUTES).to(device)
    images = load_faces(arguments.data, "train").images.to(device)
    if len(images) < arguments.fakes:
        raise SystemExit(f"{arguments.data} has {len(images)} faces to train on, fewer than --fakes {arguments.fakes}")
    held_out = load_faces(arguments.data, "valid", attributes=CELEBA_ATTRIBUTES)
    judges = Judges(arguments.evaluator, held_out, images)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).to(device)

    print(" " * 24 + "".join(f"{figure:>15}" for figure in FORMATS))

    def real_faces(repeat: int) -> Tensor:  # some of them in several sets, where there are too few
        return images[order.roll(-repeat * arguments.fakes)[: arguments.fakes]]

    floor = measure("real faces", real_faces, judges, arguments.repeats)
    if arguments.kimg is not None:
        compare(arguments, images, judges, floor)
        return
    rows = {"real faces": floor}
    for name, editor in editors.items():
        rows[name] = measure(name, functools.partial(editor_faces, editor, arguments.fakes), judges, arguments.repeats)
    figures = card_figures(rows["weights"], floor, arguments.fakes, len(held_out))
    result = measured_on(editors["weights"], arguments.evaluator) | {
        "fakes": arguments.fakes,
        "held_out": len(held_out),
    }
    write_report(result | {"figures": figures, "rows": rows}, arguments.out or Path("benchmarks/quality.json"))


if __name__ == "__main__":
    main()
