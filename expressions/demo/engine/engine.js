// The editor in a visitor's browser: draws, measures and edits faces without asking the server.
//
//   const engine = await Engine.load();
//   const face = await engine.face({ seed: 7, attempts: 8 }); // { z, raw, pixels, image: ImageData, values: by attribute }
//   (await engine.draft(face, { Smiling: 90 })).image; // the first step of an edit, not measured
//   await engine.edit(face, { Smiling: 90 }); // a face that shows the value, as `face`
//   await engine.reach(face, "Smiling"); // [least, greatest] value that it can show
//   await engine.enlarge(face); // ImageData of 128 pixels a side
//
// Calls are answered one after the other. A promise is rejected where the worker fails.
export class Engine {
  #worker;
  #waiting = new Map(); // [resolve, reject] by the number of a call
  #calls = 0;

  // Whether this browser can run it: a module worker, and WebAssembly, whose runtime comes compressed.
  static isPossible() {
    return [window.Worker, window.WebAssembly, window.DecompressionStream].every(Boolean);
  }

  // The networks come from the folder of this script, unless another is named.
  static async load(folder = new URL(".", import.meta.url).href) {
    const engine = new Engine();
    await engine.#call("load", folder);
    return engine;
  }

  constructor() {
    this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data: { id, answer, error } }) => {
      const [resolve, reject] = this.#waiting.get(id);
      this.#waiting.delete(id);
      error === undefined ? resolve(answer) : reject(new Error(error));
    };
    this.#worker.onerror = (event) => {
      for (const [, reject] of this.#waiting.values()) reject(new Error(event.message ?? "the worker did not start"));
      this.#waiting.clear();
    };
  }

  face = (seeds) => this.#call("face", seeds);
  draft = (face, targets) => this.#call("draft", face, targets);
  edit = (face, targets) => this.#call("edit", face, targets);
  reach = (face, name) => this.#call("reach", face, name);
  enlarge = (face) => this.#call("enlarge", face);

  // Frees the memory. What is waiting is never answered.
  close() {
    this.#worker.terminate();
  }

  #call(name, ...args) {
    return new Promise((resolve, reject) => {
      const id = ++this.#calls;
      this.#waiting.set(id, [resolve, reject]);
      this.#worker.postMessage({ id, name, args });
    });
  }
}
