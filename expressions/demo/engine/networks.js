// The networks of an editor, run by ONNX Runtime Web on one thread: a page of a Space gets no more.
import * as ort from "./vendor/ort.wasm.bundle.min.mjs";

const SHAPES = { generator: [1, 100], classifier: [1, 3, 64, 64], lens: [1, 3, 64, 64] }; // of what each is given

// The networks of a folder by name, each a function from Float32Array to Float32Array, for one face.
export async function loadNetworks(folder) {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked(new URL("vendor/ort-wasm-simd-threaded.wasm.gz", import.meta.url));
  const networks = {};
  for (const [name, shape] of Object.entries(SHAPES)) {
    const file = together(new Uint8Array(await unpacked(new URL(`${name}.onnx.gz`, folder))));
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
    networks[name] = runner(session, shape);
  }
  delete ort.env.wasm.wasmBinary; // 14 MB
  return networks;
}

// One run at a time, and between two of them the worker reads its messages: a drag need not wait for a whole map.
let last = Promise.resolve();

function inTurn(run) {
  last = last.catch(() => {}).then(breathe).then(run);
  return last;
}

function breathe() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function runner(session, shape) {
  const [[input], [output]] = [session.inputNames, session.outputNames];
  const run = (numbers) => session.run({ [input]: new ort.Tensor("float32", numbers, shape) });
  return async (numbers) => (await inTurn(() => run(numbers)))[output].data;
}

// The numbers of a folder's editor, which are in single precision.
export async function loadNumbers(folder) {
  const text = new TextDecoder().decode(await unpacked(new URL("editor.json.gz", folder)));
  return JSON.parse(text, (_, value) => (typeof value === "number" ? Math.fround(value) : value));
}

async function unpacked(url) {
  const response = await fetch(url, { priority: "low" }); // what a visitor asks for meanwhile comes first
  if (!response.ok) throw new Error(`${url} could not be loaded: ${response.status}`);
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

// What `bytes_apart` of engine_files.py took apart.
function together(apart) {
  const half = Math.ceil(apart.length / 2);
  return apart.map((_, at) => apart[at % 2 ? half + (at >> 1) : at >> 1]);
}
