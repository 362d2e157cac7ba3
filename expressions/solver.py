"""How far to go along each direction, so that a face shows the values that are asked of it.

An edit moves u by a sum of directions. Broyden's method (Broyden 1965) finds the amounts: each step moves by what is
still missing, looks at the picture, and corrects how the values respond by what the step did.

Of several targets each is tried alone before. One that is out of reach becomes what is reached: all steps would
otherwise be spent on it, and the rest be missed too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .attributes import IDENTIFYING, free_to_change

SAME = 0.5  # points; sliders show whole numbers, so a face that is this close to its targets shows them already


class Look(NamedTuple):
    """One face, and what is measured in it."""

    z: Tensor  # (1, 100)
    image: Tensor  # (1, 3, 64, 64) in [-1, 1]
    values: Tensor  # (K,), not clipped to 0-100


@dataclass(frozen=True)
class Problem:
    """What an edit asks of one face: T of its values, first those that it names, then those that it holds."""

    columns: list[int]  # of these values, T
    named: int  # how many of them the edit names
    goal: Tensor  # (T,): where they should be
    share: Tensor  # (T,): how much of what is missing a step corrects
    directions: Tensor  # (T, 100): one for each value; they move u
    response: Tensor  # (T, T): change of the mean face's values by a unit step along each direction

    def missing(self, values: Tensor) -> Tensor:
        """What values (T,) lack of the goal. One that should show an end of the scale may lie beyond it."""
        beyond = ((self.goal == 0) & (values < 0)) | ((self.goal == 100) & (values > 100))
        return (self.goal - values).masked_fill(beyond, 0.0)

    def error(self, values: Tensor) -> float:
        """The most that a named one of values (T,) lacks, in points."""
        return self.missing(values)[: self.named].abs().max().item()


@dataclass(frozen=True)
class Solver:
    """Settings of an edit. docs/figures.md compares each with others: "What limits the sliders"."""

    max_steps: int = 6  # twice as many bring nothing
    tolerance: float = 1.0  # points; a miss of 2 would spare less than half a step
    held_share: float = 0.5  # of the drift of a held value that a step corrects: better than 0, and no worse than 1
    # The farthest that u moves for each target; random faces lie 14 apart. With 8, more values are reached by less
    # likely faces.
    max_distance: float = 6.0
    # What keeps its value, unless an edit names it or it may change along. Holding all is worse for all others.
    held: tuple[str, ...] = IDENTIFYING

    def problem(
        self,
        targets: Mapping[str, float],
        attributes: Sequence[str],
        values: Tensor,
        directions: Tensor,
        response: Tensor,
    ) -> Problem:
        """Put an edit in numbers.

        Args:
            targets: one or more values from 0 to 100, by attribute.
            attributes: the names of the values, K.
            values: those of the unedited face, (K,).
            directions: (K, 100).
            response: (K, K).
        """
        free = free_to_change(targets)
        named = [attributes.index(name) for name in targets]
        held = [attributes.index(name) for name in self.held if name in attributes and name not in free]
        columns = [*named, *held]
        return Problem(
            columns,
            len(named),
            goal=torch.cat([values.new_tensor(list(targets.values())), values[held]]),
            share=values.new_tensor([1.0] * len(named) + [self.held_share] * len(held)),
            directions=directions[columns],
            response=response[columns][:, columns],
        )

    def within_reach(self, targets: Mapping[str, float], shown: Mapping[str, float]) -> dict[str, float]:
        """Clip targets to what an edit of each alone has `shown`, unless that is as good as met."""
        reached = {name: min(max(shown[name], 0.0), 100.0) for name in targets}
        return {
            name: target if abs(reached[name] - target) < self.tolerance else reached[name]
            for name, target in targets.items()
        }

    def first_step(self, problem: Problem, face: Look) -> Tensor:
        """How the first step moves u, (100,): for several targets along no direction farther than for one."""
        start = torch.zeros_like(problem.goal)
        amounts = self._step(problem, problem.response, start, face.values[problem.columns])
        if problem.named > 1:
            farthest = self.max_distance / problem.directions.norm(dim=1)
            amounts = amounts.clamp(-farthest, farthest)
        return amounts @ problem.directions

    def solve(self, problem: Problem, face: Look, look: Callable[[Tensor], Look]) -> Look:
        """Find the face whose named values are closest to their targets.

        Args:
            problem: what is asked.
            face: the unedited face, which is returned if it shows the targets already.
            look: draws and measures the face whose u is moved by so much, (100,).
        """
        amounts, response = torch.zeros_like(problem.goal), problem.response.clone()
        values = face.values[problem.columns]
        best, least = face, problem.error(values)
        if least < SAME:
            return face
        for _ in range(self.max_steps):
            tried = self._step(problem, response, amounts, values)
            seen = look(tried @ problem.directions)
            step, change = tried - amounts, seen.values[problem.columns] - values
            amounts, values = tried, seen.values[problem.columns]
            error = problem.error(values)
            if error < least:
                best, least = seen, error
            if least < self.tolerance:
                break
            response += torch.outer(change - response @ step, step) / step.square().sum().clamp_min(1e-8)
        return best

    def _step(self, problem: Problem, response: Tensor, amounts: Tensor, values: Tensor) -> Tensor:
        """Go on from amounts (T,) along the directions, by no more than `max_distance` for each target."""
        amounts = amounts + damped_solve(response, problem.missing(values) * problem.share)
        farthest = self.max_distance * problem.named
        return amounts * (farthest / (amounts @ problem.directions).norm().clamp_min(farthest))


def damped_solve(matrix: Tensor, missing: Tensor) -> Tensor:
    """Least squares of matrix (T, T) @ x = missing (T,), damped so that contradicting targets share the step
    (Levenberg 1944).

    The damping is a hundredth of the mean square of the matrix's columns, and a millionth so that it is never 0: both
    chosen by hand, not tuned.
    """
    damping = matrix.square().sum(0).mean() / 100 + 1e-6
    normal = matrix.T @ matrix + damping * torch.eye(len(missing)).to(matrix)
    return torch.linalg.solve(normal, matrix.T @ missing)
