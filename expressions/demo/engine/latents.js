// Latents as expressions/latents.py draws and moves them: the same bits from the same seed.
import { dot } from "./matrices.js";
import { erf, inverseNormal } from "./normal.js";

export const Z_DIM = 100;
export const MAX_ATTEMPTS = 8;
const EDGE = 1 - 2 ** -24; // the float32 below 1

// The words from which NumPy's PCG64 starts (M. E. O'Neill's seed_seq, as numpy.random.SeedSequence has it).
function seedWords(seed) {
  let constant = 0x43b0d7e5;
  const fold = (value) => value ^ (value >>> 16);
  const hash = (value) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    return fold(Math.imul(mixed, constant));
  };
  const pool = [seed | 0, 0, 0, 0].map(hash);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from !== to) pool[to] = fold(Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hash(pool[from])));
    }
  }
  constant = 0x8b51f9dd;
  return [...pool, ...pool].map((value) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    return BigInt(fold(Math.imul(mixed, constant)) >>> 0);
  });
}

const wide = (number) => BigInt.asUintN(128, number);
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

// The raw stream of numpy.random.PCG64: 64 bits at a time (O'Neill 2014, PCG XSL RR 128/64).
function* rawStream(seed) {
  const words = seedWords(seed);
  const [a, b, c, d] = [0, 2, 4, 6].map((at) => words[at] | (words[at + 1] << 32n));
  const increment = wide((((c << 64n) | d) << 1n) | 1n);
  const step = (state) => wide(state * MULTIPLIER + increment);
  let state = step(wide(increment + ((a << 64n) | b)));
  while (true) {
    state = step(state);
    const folded = BigInt.asUintN(64, (state >> 64n) ^ state);
    const turn = state >> 122n;
    yield BigInt.asUintN(64, (folded >> turn) | (folded << (64n - turn)));
  }
}

// The first draws of a seed: as many Float32Array(100), uniform in (-1, 1), as `latents.draw_attempts`.
export function drawAttempts(seed, attempts) {
  const stream = rawStream(seed);
  const number = () => (2 * Number(stream.next().value >> 41n) + 1 - 2 ** 23) / 2 ** 23;
  return Array.from({ length: attempts }, () => Float32Array.from({ length: Z_DIM }, number));
}

const clip = (number) => Math.min(Math.max(number, -EDGE), EDGE);

// u = Phi^-1((z + 1) / 2): Float32Array(100) of either.
export const toNormal = (z) => z.map((number) => inverseNormal((clip(number) + 1) / 2));

// z = 2 Phi(u) - 1, in (-1, 1).
export const toUniform = (u) => Float32Array.from(u, (number) => clip(Math.fround(erf(number / Math.SQRT2))));

// Between two normal latents along the great circle: share 0 is the start, 1 the end.
export function slerp(start, end, share) {
  const cosine = dot(start, end) / Math.sqrt(dot(start, start) * dot(end, end));
  const angle = Math.max(Math.acos(Math.min(Math.max(cosine, -1), 1)), 1e-6);
  const [first, second] = [Math.sin((1 - share) * angle), Math.sin(share * angle)];
  return start.map((number, at) => (first * number + second * end[at]) / Math.sin(angle));
}

// The draw of a seed that its face is made from, as `Editor.latents`: the first sound one, or the soundest.
export function latents(chooser, seed, attempts) {
  if (!chooser || attempts === 1) return drawAttempts(seed, 1)[0];
  const draws = drawAttempts(seed, attempts);
  const grades = draws.map((z) => grade(chooser.layers, z));
  const sound = grades.findIndex((number) => number <= chooser.threshold);
  return draws[sound >= 0 ? sound : grades.indexOf(Math.min(...grades))];
}

// How broken the face of a latent is expected to look, in double precision, as networks/chooser.py tells.
function grade(layers, z) {
  const [score] = layers.reduce((seen, [weight, bias], depth) => {
    const rectified = depth ? seen.map((number) => Math.max(number, 0)) : seen;
    return weight.map((row, at) => row.reduce((sum, number, column) => sum + number * rectified[column], bias[at]));
  }, Array.from(z));
  return score;
}
