// The editor in a visitor's browser, for `expressions.answers.connect` of answers.js, which says what is asked.
//
//   const engine = await Engine.load();
//   await engine.faces([{ seed: 7, attempts: 8, targets: { Smiling: 90 } }], 512);
//
// Promises are rejected from where the worker fails on.
export class Engine {
  #worker;
  #waiting = new Map(); // [resolve, reject] by the number of a call
  #calls = 0;
  #failure;

  // Whether this browser can run it: the runtime is WebAssembly, and comes compressed.
  static isPossible() {
    return [window.Worker, window.WebAssembly, window.DecompressionStream, window.OffscreenCanvas].every(Boolean);
  }

  // The weights come from the folder of this script, unless another is named.
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
    this.#worker.onerror = ({ message }) => {
      this.#failure = new Error(message ?? "the worker did not start");
      for (const [, reject] of this.#waiting.values()) reject(this.#failure);
      this.#waiting.clear();
    };
  }

  draft = (state) => this.#call("draft", state);
  faces = (states, size) => this.#call("faces", states, size);
  // `link` opens the state; it is written into the file.
  morph = (state, link) => this.#call("morph", state, link);
  png = (state, size, link) => this.#call("png", state, size, link);

  #call(name, ...given) {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = ++this.#calls;
      this.#waiting.set(id, [resolve, reject]);
      this.#worker.postMessage({ id, name, given });
    });
  }
}
