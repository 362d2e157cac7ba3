"""Where the statistics of a training are sent besides its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .run_folder import holds_run

TRACKERS = ("none", "tensorboard", "trackio")
Log = Callable[[dict[str, float], int], None]


def find_tracker(name: str) -> Callable[[Path], Log]:
    """What starts the named tracker for a run folder and returns the function that sends it one record.

    Raises:
        ValueError: the tracker is not installed.
    """
    try:
        if name == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            return lambda run: _tensorboard_log(SummaryWriter(run))
        if name == "trackio":
            import trackio

            return lambda run: _trackio_log(trackio, run)
    except ImportError as error:
        raise ValueError(f"tracker: {name} is not installed; run: pip install {name}") from error
    return lambda _run: no_log


def no_log(_record: dict[str, float], _step: int) -> None:
    """Send nothing: where no tracker is asked for, and from all processes but the first."""


def _tensorboard_log(writer: Any) -> Log:
    def log(record: dict[str, float], step: int) -> None:
        for key, value in record.items():
            writer.add_scalar(key, value, step)
        writer.flush()

    return log


def _trackio_log(trackio: Any, run: Path) -> Log:
    resume = "allow" if holds_run(run) else "never"  # "never" gives a run of a name that is taken another one
    trackio.init(project="expressions", name=run.name, resume=resume, embed=False)
    return lambda record, step: trackio.log(record, step=step)
