// What the page asks, answered in a thread of its own, from a state {seed, targets, view, ..., attempts} as state.js has
// it. A call comes in as { id, name, given } and goes out as { id, answer } or { id, error }.
import { Editor } from "./editor.js";
import { toImage, toUrl } from "./images.js";
import { loop, markedPng } from "./files.js";

const REMEMBERED = 200; // faces, a twentieth of a megabyte each
const remembered = new Map(); // promises of them, by what was asked
let editor;

function after({ seed, attempts, targets }) {
  const key = JSON.stringify([seed, attempts, targets]);
  const face = remembered.get(key) ?? draw(seed, attempts, targets);
  remembered.delete(key); // what was asked for last is forgotten last
  remembered.set(key, face);
  if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value);
  return face;
}

async function draw(seed, attempts, targets) {
  const names = Object.keys(targets);
  if (!names.length) return editor.look(editor.latents(seed, attempts));
  const face = await after({ seed, attempts, targets: {} });
  if (names.length === 1) return editor.follow(face, targets);
  const alone = {};
  for (const name of names) alone[name] = await after({ seed, attempts, targets: { [name]: targets[name] } });
  return editor.combine(face, targets, alone);
}

const before = (state) => after({ ...state, targets: {} });
const enlarged = async ({ pixels }) => toImage(editor.numbers.hasLens ? await editor.enlarge(pixels) : pixels);

const calls = {
  load: async (folder) => {
    editor = await Editor.load(folder);
  },
  draft: async (state) => ({ src: await toUrl(toImage((await editor.draft(await before(state), state.targets)).pixels)) }),
  faces: async (states, size) => {
    const faces = [];
    for (const state of states) {
      const face = await after(state);
      faces.push({ src: size ? await toUrl(await enlarged(face)) : "", values: editor.valuesOf(face) });
    }
    return faces;
  },
  morph: async (state, link) => {
    const [start, end] = [await after(state), await after({ ...state, seed: state.to })];
    const images = [];
    for (const z of editor.path(start, end)) images.push(await enlarged({ pixels: await editor.synthesize(z) }));
    const still = await toUrl(images[images.length >> 1]);
    return { src: await loop(images, editor.packet(link)), still, name: `morph-${state.seed}-${state.to}.png` };
  },
  png: async (state, size, link) => {
    const face = await after(state);
    const image = size > 64 ? await enlarged(face) : toImage(face.pixels);
    return { src: await markedPng(image, size, editor.packet(link)), name: `expressions-${state.seed}-${size}.png` };
  },
};

self.onmessage = async ({ data: { id, name, given } }) => {
  try {
    self.postMessage({ id, answer: await calls[name](...given) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
