// What the page asks, answered in a thread of its own, from a state {seed, targets, view, ..., attempts} as state.js has
// it. A call comes in as { id, name, given } and goes out as { id, answer } or { id, error }.
import { Editor } from "./editor.js";
import { toImage, toUrl } from "./images.js";
import { loop, markedPng } from "./files.js";

const REMEMBERED = 100; // unedited faces, a twentieth of a megabyte each
const unedited = new Map(); // by seed and attempts
let editor;

async function before({ seed, attempts }) {
  const key = `${seed} ${attempts}`;
  const face = unedited.get(key) ?? (await editor.look(editor.latents(seed, attempts)));
  unedited.delete(key); // what was asked for last is forgotten last
  unedited.set(key, face);
  if (unedited.size > REMEMBERED) unedited.delete(unedited.keys().next().value);
  return face;
}

const after = async (state) => editor.follow(await before(state), state.targets);
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
