// The editor as expressions/editor.py has it, for one face at a time. A face is
//   { z: Float32Array(100), pixels: Float32Array(3 * 64 * 64) in [-1, 1], raw: values not clipped to 0-100 }.
import { MAX_ATTEMPTS, latents, slerp, toNormal, toUniform } from "./latents.js";
import { loadNetworks, loadNumbers } from "./networks.js";
import { typologyAngle } from "./skin.js";
import { firstStep, problemOf, solveFor, withinReach } from "./solver.js";

export class Editor {
  static async load(folder) {
    const [numbers, networks] = await Promise.all([loadNumbers(folder), loadNetworks(folder)]);
    return new Editor(numbers, networks);
  }

  constructor(numbers, networks) {
    this.numbers = numbers;
    this.networks = networks;
  }

  latents(seed, attempts = MAX_ATTEMPTS) {
    return latents(this.numbers.chooser, seed, attempts);
  }

  // The pixels of a latent.
  synthesize(z) {
    return this.networks.generator(z);
  }

  // Draw and measure.
  async look(z) {
    const pixels = await this.synthesize(z);
    const { low, high, cheeks } = this.numbers;
    const scores = [...(await this.networks.classifier(pixels)), typologyAngle(pixels, cheeks)];
    return { z, pixels, raw: scores.map((score, at) => ((score - low[at]) / (high[at] - low[at])) * 100) };
  }

  // Values from 0 to 100, by attribute.
  valuesOf({ raw }) {
    return Object.fromEntries(this.numbers.attributes.map((name, at) => [name, Math.min(Math.max(raw[at], 0), 100)]));
  }

  // The face that shows the targets, or comes as close as was found.
  async follow(face, targets) {
    const names = this.numbers.attributes.filter((name) => name in targets);
    if (names.length < 2) return names.length ? this.#solve(face, targets) : face;
    const alone = {};
    for (const name of names) alone[name] = await this.follow(face, { [name]: targets[name] });
    return this.combine(face, targets, alone);
  }

  // The same for several targets, given the face that shows each of them alone, by name.
  combine(face, targets, alone) {
    const { attributes, solver } = this.numbers;
    const shown = Object.entries(alone).map(([name, { raw }]) => [name, raw[attributes.indexOf(name)]]);
    return this.#solve(face, withinReach(solver, targets, Object.fromEntries(shown)));
  }

  #solve(face, targets) {
    const u = toNormal(face.z);
    const look = (move) => this.look(moved(u, move));
    return solveFor(this.numbers.solver, problemOf(this.numbers, targets, face.raw), face, look);
  }

  // The first step of that, drawn but not measured: { z, pixels }.
  async draft(face, targets) {
    let { z } = face;
    if (Object.keys(targets).length) {
      const problem = problemOf(this.numbers, targets, face.raw);
      z = moved(toNormal(z), firstStep(this.numbers.solver, problem, face.raw));
    }
    return { z, pixels: await this.synthesize(z) };
  }

  // The latents on the great circle between two faces, ends included.
  path(start, end, count = 24) {
    const [from, to] = [start, end].map(({ z }) => Array.from(toNormal(z)));
    return Array.from({ length: count }, (_, step) => toUniform(slerp(from, to, step / (count - 1))));
  }

  // What marks a file: XMP with the link that opens its face.
  packet(link) {
    return this.numbers.xmp.replace("{link}", () => link.replace(/&/g, "&amp;"));
  }

  // (3, 128, 128) of a face's pixels.
  enlarge(pixels) {
    return this.networks.lens(pixels);
  }
}

const moved = (u, move) => toUniform(u.map((number, at) => number + move[at]));
