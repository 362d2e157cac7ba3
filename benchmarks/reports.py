"""What the benchmarks measured: the shapes of their reports, and how these are written to and read from JSON.

A figure that could not be measured is NaN, and null in JSON.
"""

import json
import math
import os
import platform
import re
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import torch

from expressions.files import write_atomically

BENCHMARKS = Path(__file__).parent
REFERENCE, OURS = "reference", "ours"  # recipes: PyTorch's DCGAN example, and the defaults of `train.py gan`
REAL = "real faces"


class Judged(TypedDict):
    evaluator: str  # the first 12 digits of its digest


class Measured(Judged):
    weights: str  # the editor's fingerprint


FaceFigures = dict[str, float]  # of one set of faces: see `QualityJudge.assess`
OutsideFigures = dict[str, float]  # of one set of faces: see `OutsideJudge.assess`


class QualityReport(Measured):
    fakes: int  # faces in a set
    held_out: int
    training: int  # faces to train on
    rows: dict[str, list[FaceFigures]]  # by who draws them: several sets
    outside_fakes: int  # faces that networks from outside see
    outside: dict[str, OutsideFigures]


class RecipeFigures(TypedDict):  # of one training
    images: int  # that it has seen
    fd_attributes: float
    outside: OutsideFigures


class RecipesReport(Judged):
    device: str
    threads: int
    minutes: float  # of each training
    start: str | None  # the editor's weights that they began with
    classifiers: str | None  # that judged edits, if these were trained too
    fakes: int
    held_out: int
    rows: dict[str, list[RecipeFigures]]  # by recipe, one for each seed


class EditorLeaks(TypedDict):  # of the edits by one standard deviation that all editors reach
    edits: int
    mean_dependency: float
    interval: list[float]  # 95 % of it, over faces
    max_dependency: float
    largest: list[str]  # the slider, and what changes most with it
    columns: list[str]
    matrix: list[list[float]]  # by slider: mean change of each column


class SliderFigures(TypedDict):  # from the first value to the last: see `slider_figures`
    own: float
    others: float  # mean over what should stay
    largest: float
    largest_in: str
    mean_absolute_error: float  # points, reached or not
    within_reach: float
    male_flips: float
    male_flips_interval: list[float]
    median_ita_change: float  # degrees


class Realism(TypedDict):
    fd_mobilenet: float
    doubted: float


class PictureFigures(TypedDict):  # of a slider's ends: see `Strangers.assess`
    outside_region: NotRequired[float]  # share of the squared change; where the attribute lives in a part of the face
    same_person: float
    ends: list[Realism]
    real: list[Realism]  # faces without the attribute, and with it; empty where there are too few


class SeveralFigures(TypedDict):  # of several sliders at once
    sets: int  # of values that the face reaches one by one
    all_land: float
    beside: int  # such values beside one that the face does not reach
    beside_land: float


class Unrest(TypedDict):
    change: float
    male_flips: float


class EditingReport(Measured):
    faces: int
    compared: int  # of these, faces that other editors moved too
    sliders: dict[str, SliderFigures]
    pictures: dict[str, PictureFigures]
    unedited: Realism
    several: dict[str, SeveralFigures]  # by how many
    methods: dict[str, EditorLeaks]  # by editor
    do_nothing: dict[str, Unrest]


class LimitsRow(TypedDict):
    faces: int
    mean_dependency: float
    interval: list[float]
    own_view: float  # mean dependency as the editor's own classifier sees it
    within_reach: float
    male_flips: float
    draws: float  # faces drawn for an edit
    fd_edited: NotRequired[float]


class LimitsReport(Measured):
    agreement_on_values: dict[str, float]
    rows: dict[str, LimitsRow]


class BrokenReport(TypedDict):
    weights: str
    faces: int  # of each kind
    seed: int  # of their order
    first: int  # of first draws, that a person called broken
    chosen: int  # of chosen ones


class SpeedRow(TypedDict):
    batch_size: int
    speed: float  # images a second
    reference: float
    ratio: float
    share: float  # of the rate of a bf16 matrix product


class SpeedReport(TypedDict):
    device: str
    torch: str
    rows: list[SpeedRow]
    matrix_rate: float  # floating-point operations a second
    peak_megabytes: dict[str, float]  # by recipe
    decoded_megabytes: float


class Times(TypedDict):
    median_ms: float
    p95_ms: float


class Compared(TypedDict):
    times: dict[str, Times]
    ratios: dict[str, float]  # of ours to each of the others


class Opening(TypedDict):
    first_bytes: int  # that a first visit loads, until the browser draws the faces
    second_bytes: int
    ready_s: float  # from the opening of the page until then
    slow_line_s: float  # to the first face on the screen


class Rush(TypedDict):
    visitors: int
    served: int
    turned_away: int


class ServeReport(TypedDict):
    device: str
    torch: str
    gradio: str
    paint: Compared
    requests: int  # to the server, while sliders were moved
    edit: Times  # at rest
    opening: Opening
    rush: Rush
    start: Compared


def write_report(report: Any, path: Path) -> None:
    """Write a report, whole or not at all; a folder that is missing is made.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    text = json.dumps(_without_nan(report), indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write_text(text))


def read_report(name: str) -> Any:
    """The report of that name beside this file; its reader says which of the shapes above it has."""
    return json.loads((BENCHMARKS / f"{name}.json").read_text())


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def device_name(device: torch.device) -> str:
    """A GPU's name, or the processor's, such as "2 CPU cores (AMD EPYC, AVX2)"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    information = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*: (.+)$", information.read_text() if information.exists() else "", re.MULTILINE)
    model = named[1] if named else platform.processor() or platform.machine()
    return f"{os.cpu_count()} CPU cores ({model.strip()}, {torch.backends.cpu.get_cpu_capability()})"
