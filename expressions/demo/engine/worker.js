// The editor in a thread of its own: a call comes in as { id, name, args } and goes out as { id, answer } or { id, error }.
import { Editor } from "./editor.js";
import { toImage } from "./images.js";

let editor;

const pictured = (face) => ({ ...face, image: toImage(face.pixels) });
const measured = (face) => ({ ...pictured(face), values: editor.valuesOf(face) });

const calls = {
  load: async (folder) => {
    editor = await Editor.load(folder);
  },
  face: async ({ seed, attempts }) => measured(await editor.look(editor.latents(seed, attempts))),
  draft: async (face, targets) => pictured(await editor.draft(face, targets)),
  edit: async (face, targets) => measured(await editor.follow(face, targets)),
  reach: (face, name) => editor.reach(face, name),
  enlarge: async ({ pixels }) => toImage(await editor.enlarge(pixels)),
};

self.onmessage = async ({ data: { id, name, args } }) => {
  try {
    self.postMessage({ id, answer: await calls[name](...args) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
