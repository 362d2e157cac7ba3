// The state of the page, {seed, targets, view, strip, across, down, to, attempts}, and the link that holds it.
//
// It is `State` of state.py as JSON. What is asked for is a new object each time, so that an answer can tell whether it
// is still wanted.
window.expressions = {};

expressions.links = ({ first, weights, sliders, labels, views, options, seeds, attempts }) => {
  const MAX_LINK = 4000; // characters; the longest of ours has a tenth of them
  const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/;
  const SEED_RULE = `A seed is a whole number from 0 to ${seeds}.`;

  // A seed from its digits, as text or number; null if it is none.
  const readSeed = (given) => (/^\d+$/.test(given) && Number(given) <= seeds ? Number(given) : null);

  // A slider's value from its text, drawn into 0 to 100 and rounded to what a link holds; null if it is none.
  function readValue(text) {
    const value = NUMBER.test(text) ? Number(text) : NaN;
    return Number.isFinite(value) ? Math.round(100 * Math.min(Math.max(0, value), 100)) / 100 : null;
  }

  // Targets in the order of the sliders, without those of null.
  const inOrder = (targets) =>
    Object.fromEntries(sliders.filter((name) => (targets[name] ?? null) !== null).map((name) => [name, targets[name]]));

  // The query that brings a state back, with the options that its view has, and without what is usual.
  function write(state) {
    const fields = new URLSearchParams({ seed: state.seed, ...state.targets });
    if (state.attempts !== attempts) fields.set("attempts", state.attempts);
    if (state.view !== "face") {
      for (const name of ["view", ...(options[state.view] ?? [])]) fields.set(name, state[name]);
    }
    fields.set("weights", weights);
    return `?${fields}`;
  }

  // Read a query. Its targets and attempts replace those of a state; what else it does not name, or names wrongly, stays.
  // Where it opens no face, `refusal` says why; where it was not read as a whole, `caveat` does.
  function read(query, state = first) {
    if (query.length > MAX_LINK) {
      return { state, refusal: `That link is no link of this page: it has more than ${MAX_LINK} characters.` };
    }
    const fields = new Map(new URLSearchParams(query));
    const allowed = { view: views, strip: sliders, across: sliders, down: sliders };
    const known = Object.keys(allowed).filter((name) => allowed[name].includes(fields.get(name)));
    const next = { ...state, ...Object.fromEntries(known.map((name) => [name, fields.get(name)])) };
    next.seed = readSeed(fields.get("seed")) ?? state.seed;
    next.to = readSeed(fields.get("to")) ?? state.to;
    next.attempts = readSeed(fields.get("attempts")) === 1 ? 1 : attempts;
    next.targets = inOrder(Object.fromEntries([...fields].map(([name, text]) => [name, readValue(text)])));
    const isSeedless = fields.has("seed") && readSeed(fields.get("seed")) === null;
    return { state: next, refusal: isSeedless ? SEED_RULE : "", caveat: caveat(fields, next) };
  }

  function caveat(fields, { targets }) {
    if ((fields.get("weights") ?? weights) !== weights) {
      return "This link was made with other weights, so the face may differ.";
    }
    const ignored = Object.keys(labels).filter((name) => fields.has(name) && !(name in targets));
    const why = "Ignored, because there is no such slider or the value is not a number:";
    return ignored.length ? `${why} ${ignored.map((name) => labels[name]).join(", ")}.` : "";
  }

  return { SEED_RULE, readSeed, readValue, inOrder, read, write };
};
