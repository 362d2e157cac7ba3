// How far to go along each direction, step for step as expressions/solver.py, which says why.
import { dot, minus, plus, solve, times, transposed } from "./matrices.js";

// What an edit asks of a face with these values: first what it names, then what it holds.
//   numbers: of editor.json; targets: by attribute.
export function problemOf(numbers, targets, values) {
  const { attributes, solver, coupled } = numbers;
  const names = attributes.filter((name) => name in targets);
  const free = new Set(names.flatMap((name) => [name, ...(coupled[name] ?? [])]));
  const held = solver.held.filter((name) => attributes.includes(name) && !free.has(name));
  const columns = [...names, ...held].map((name) => attributes.indexOf(name));
  return {
    columns,
    named: names.length,
    goal: [...names.map((name) => targets[name]), ...columns.slice(names.length).map((column) => values[column])],
    share: columns.map((_, at) => (at < names.length ? 1 : solver.held_share)),
    across: transposed(columns.map((column) => numbers.directions[column])), // (100, T)
    response: columns.map((row) => columns.map((column) => numbers.response[row][column])),
  };
}

const seenBy = ({ columns }, values) => columns.map((column) => values[column]);

function missing({ goal }, values) {
  return goal.map((wanted, at) => {
    const isBeyond = (wanted === 0 && values[at] < 0) || (wanted === 100 && values[at] > 100);
    return isBeyond ? 0 : wanted - values[at];
  });
}

const errorOf = (problem, values) => Math.max(...missing(problem, values).slice(0, problem.named).map(Math.abs));

// Targets, each clipped to what an edit of it alone has shown, unless that is as good as met.
export function withinReach(solver, targets, shown) {
  const clipped = Object.entries(targets).map(([name, target]) => {
    const reached = Math.min(Math.max(shown[name], 0), 100);
    return [name, Math.abs(reached - target) < solver.tolerance ? target : reached];
  });
  return Object.fromEntries(clipped);
}

// How the first step moves u, (100): for several targets along no direction farther than for one.
export function firstStep(solver, problem, values) {
  const start = problem.goal.map(() => 0);
  let amounts = goOn(solver, problem, problem.response, start, seenBy(problem, values));
  if (problem.named > 1) {
    amounts = amounts.map((amount, at) => {
      const farthest = solver.max_distance / Math.hypot(...problem.across.map((row) => row[at]));
      return Math.min(Math.max(amount, -farthest), farthest);
    });
  }
  return times(problem.across, amounts);
}

// The face whose named values are closest to their targets.
//   face: the unedited one; look: draws and measures the face whose u is moved by so much.
export async function solveFor(solver, problem, face, look) {
  let amounts = problem.goal.map(() => 0);
  let response = problem.response;
  let values = seenBy(problem, face.raw);
  let [best, least] = [face, errorOf(problem, values)];
  if (least < solver.same) return face;
  for (let count = 0; count < solver.max_steps; count++) {
    const tried = goOn(solver, problem, response, amounts, values);
    const seen = await look(times(problem.across, tried));
    const step = minus(tried, amounts);
    const change = minus(seenBy(problem, seen.raw), values);
    [amounts, values] = [tried, seenBy(problem, seen.raw)];
    const error = errorOf(problem, values);
    if (error < least) [best, least] = [seen, error];
    if (least < solver.tolerance) break;
    const unexplained = minus(change, times(response, step));
    const length = Math.max(dot(step, step), 1e-8);
    response = response.map((row, at) => plus(row, step.map((part) => (unexplained[at] * part) / length)));
  }
  return best;
}

// Go on from amounts along the directions, by no more than `max_distance` for each target.
function goOn(solver, problem, response, amounts, values) {
  const wanted = missing(problem, values).map((lack, at) => lack * problem.share[at]);
  const moved = plus(amounts, dampedSolve(response, wanted));
  const farthest = solver.max_distance * problem.named;
  const far = Math.hypot(...times(problem.across, moved));
  return moved.map((amount) => (amount * farthest) / Math.max(far, farthest));
}

function dampedSolve(matrix, wanted) {
  const turned = transposed(matrix);
  const damping = matrix.flat().reduce((sum, number) => sum + number ** 2, 0) / wanted.length / 100 + 1e-6;
  const normal = turned.map((row, at) => turned.map((other, column) => dot(row, other) + (at === column ? damping : 0)));
  return solve(normal, times(turned, wanted));
}
