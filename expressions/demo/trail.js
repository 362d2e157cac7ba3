// The faces seen, and the address. Every face is an entry of the browser's history, and what is done to it replaces the
// entry. Each entry holds the list.
expressions.trail = (page, write, open) => {
  let { seen = [], at = 0 } = history.state ?? {};
  let isTyped = false; // whether the seed at hand was typed

  const faceOf = ({ seed, targets, attempts }) => ({ seed, targets, attempts });

  function showPlace() {
    page.querySelector("#back").disabled = at <= 0;
    page.querySelector("#forward").disabled = at >= seen.length - 1;
  }

  function start(state) {
    seen[at] = faceOf(state);
  }

  // A seed that is typed digit by digit is one face.
  function enter(state, isTyping) {
    const [old, seed] = [seen[at].seed, state.seed].map(String);
    const isLonger = isTyped && isTyping && (seed.startsWith(old) || old.startsWith(seed));
    isTyped = isTyping;
    if (old !== seed && !isLonger) seen.splice(++at, seen.length);
    seen[at] = faceOf(state);
    if (old !== seed) history[isLonger ? "replaceState" : "pushState"]({ ...history.state, seen, at }, "");
    showPlace();
  }

  const address = (state) => new URL(write(state), location.href);

  // Let the address follow what is shown.
  function keep(state) {
    const url = address(state);
    if (window.parent !== window && location.hostname.endsWith(".hf.space")) {
      window.parent.postMessage({ queryString: url.searchParams.toString() }, "https://huggingface.co");
    }
    // What Gradio put into the address stays there: __theme, and __sign, which opens a private Space. No link has them.
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name.startsWith("__")) url.searchParams.append(name, value);
    }
    history.replaceState({ ...history.state, seen, at }, "", url);
  }

  window.addEventListener("popstate", ({ state: entry }) => {
    if (!entry?.seen) return; // no face, but a mark in the page
    at = entry.at;
    seen[at] ??= entry.seen[at];
    open(seen[at]);
  });

  return { start, enter, address, keep };
};
