// What no component of Gradio does: links, the faces seen, keys, the clipboard, and pictures dropped on the page.
//
// A face is asked for by a request "<count>?<query>" in the hidden box `asked`. The count tells a request from the one
// before it, even if both have the same query. The functions of `opens` get the boxes `asked` and seed and the box of
// the request that was answered last; they return what the first two are to hold.
window.expressions = (() => {
  const MAX_SEED = 4294967295;
  const MAX_LINK = 4000; // characters; the server reads no longer one
  // Every face is an entry of the browser's history, and what is done to it replaces the entry. Each holds the list.
  let { seen = [], at = 0 } = history.state ?? {}; // queries of the faces seen; which of them is the entry at hand
  let isTyped = false; // whether the seed of that one was typed
  const places = new Map(); // in `seen`, by the count of the request that asked
  let newest = 0; // count of the last request
  let inFlight = 0; // count of the request that the server has; it gets the newest after it, and none between
  let first = 0; // seed of the face that the page comes with
  let pending = ""; // query that #open is to ask for

  const element = (selector) => document.querySelector(selector);

  // The page comes with a face. Where a link asks for another one, the style sheet hides it until the first answer.
  const isLink = [...new URLSearchParams(location.search).keys()].some((name) => !name.startsWith("__"));
  document.documentElement.dataset.opening = isLink ? "link" : "first";

  function ask(asked, seed, query, isTyping = false) {
    newest = (parseInt(asked) || 0) + 1;
    inFlight ||= newest;
    const given = seedOf(query);
    if (isSeed(given)) enter(query, isTyping);
    isTyped &&= isTyping;
    places.set(newest, at);
    return [`${newest}?${String(query).replace(/^\?/, "")}`, isSeed(given) ? Number(given) : seed];
  }

  // A seed that is typed digit by digit is one face.
  function enter(query, isTyping) {
    const [old, seed] = [seedOf(seen[at]), seedOf(query)];
    if (Number(seed) === Number(old)) return;
    const isLonger = isTyped && isTyping && (seed.startsWith(old) || old.startsWith(seed));
    if (!isLonger) seen.splice(++at, seen.length);
    seen[at] = faceOf(query);
    history[isLonger ? "replaceState" : "pushState"]({ ...history.state, seen, at }, "");
    isTyped = isTyping;
    showPlace();
  }

  function faceOf(query) {
    const fields = fieldsOf(query);
    for (const name of ["view", "strip", "across", "down", "to", "weights"]) fields.delete(name);
    return fields.toString();
  }

  function showPlace() {
    element("#back").disabled = at <= 0;
    element("#forward").disabled = at >= seen.length - 1;
  }

  const isSeed = (given) => /^\d+$/.test(given) && Number(given) <= MAX_SEED; // a text or a number
  const fieldsOf = (query) => new URLSearchParams(String(query).length > MAX_LINK ? "" : query);
  const seedOf = (query) => fieldsOf(query).getAll("seed").at(-1) ?? ""; // the last, as the server does
  const queryOf = (request) => request.slice(request.indexOf("?") + 1);
  const isAnswered = (asked, answered) => parseInt(asked) === parseInt(answered);
  // A link without attempts has the usual ones: what opens another face has to name those that were chosen.
  function chosen(query) {
    const fields = fieldsOf(query);
    const attempts = element("#attempts input:checked")?.value;
    if (attempts) fields.set("attempts", attempts);
    return fields.toString();
  }

  const seedWith = (seed) => chosen(`seed=${seed}`);

  const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

  function surprise(asked, seed) {
    const sliders = [...document.querySelectorAll("[id^=slider-]")].map((slider) => slider.id.slice("slider-".length));
    const fields = new URLSearchParams(seedWith(randomSeed()));
    for (let count = 0; count < 2; count++) {
      fields.set(sliders[Math.floor(Math.random() * sliders.length)], Math.floor(Math.random() * 101));
    }
    return ask(asked, seed, fields);
  }

  function load(asked, seed) {
    element("#shortcuts").checked = hasShortcuts();
    first = seed;
    seen[at] = isSeed(seedOf(location.search)) ? faceOf(location.search) : `seed=${seed}`;
    showPlace();
    return ask(asked, seed, location.search);
  }

  // Go some seeds on from the one in the box; if the box holds none, from the face on screen.
  function walk(asked, seed, answered, steps) {
    const start = Number(isSeed(seed) ? seed : seedOf(queryOf(answered)));
    return ask(asked, seed, seedWith((start + steps + MAX_SEED + 1) % (MAX_SEED + 1)));
  }

  const opens = {
    load,
    typed: (asked, seed) => [ask(asked, seed, seedWith(seed), true)[0], seed],
    next: (asked, seed, answered) => walk(asked, seed, answered, 1),
    previous: (asked, seed, answered) => walk(asked, seed, answered, -1),
    random: (asked, seed) => ask(asked, seed, seedWith(randomSeed())),
    surprise,
    reset: (asked, seed, answered) => walk(asked, seed, answered, 0),
    pending: (asked, seed) => ask(asked, seed, pending),
    rest: (asked, seed, answered) =>
      isAnswered(asked, answered) ? ask(asked, seed, "rest") : ask(asked, seed, queryOf(asked)),
    draw: (asked, seed, answered) =>
      isAnswered(asked, answered) || queryOf(asked) === "rest"
        ? ask(asked, seed, "rest")
        : ask(asked, seed, chosen(queryOf(asked))),
  };

  function open(query) {
    pending = query;
    element("#open").click();
  }

  // The address ------------------------------------------------------------------------------------

  function address(link) {
    const url = new URL(location.href);
    url.search = link;
    return url;
  }

  const reveal = () => delete document.documentElement.dataset.opening;

  // Where no answer comes, the seed's box goes back to what the picture shows, unless the next request is on its way.
  function miss(seed, answered) {
    reveal();
    const isLast = inFlight === newest;
    inFlight = isLast ? 0 : newest;
    return isLast ? Number(seedOf(queryOf(answered)) || first) : seed;
  }

  function remember(link, answered) {
    reveal();
    inFlight = parseInt(answered) === newest ? 0 : newest;
    const url = address(link);
    if (window.parent !== window && location.hostname.endsWith(".hf.space")) {
      window.parent.postMessage({ queryString: url.searchParams.toString() }, "https://huggingface.co");
    }
    // What Gradio put into the address stays there: __theme, and __sign, which opens a private Space. No link has them.
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name.startsWith("__")) url.searchParams.append(name, value);
    }
    // An answer that comes late may be that of a face that was left since.
    const [count, face] = [parseInt(answered), faceOf(link)];
    const place = places.get(count);
    if (count === newest || Number(seedOf(face)) === Number(seedOf(seen[place]))) seen[place] = face;
    if (seen[at] === face) history.replaceState({ ...history.state, seen, at }, "", url);
  }

  // Sharing ----------------------------------------------------------------------------------------

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      element(button).dataset.done = "Copied";
      setTimeout(() => delete element(button).dataset.done, 2000);
      element("#by-hand label").hidden = true;
    } catch {
      // A frame may lack the right to write to the clipboard, and a page without TLS has none.
      element("#by-hand label").hidden = false;
      element("#by-hand input").value = text;
      element("#by-hand input").select();
    }
  }

  const copyLink = (link) => copy(address(link).href, "#copy-link");

  function copyEmbed(link) {
    const source = address(link).href.replace(/&/g, "&amp;");
    const looks = 'title="Expressions" width="100%" height="900" allow="clipboard-write"';
    return copy(`<iframe src="${source}" ${looks}></iframe>`, "#copy-embed");
  }

  function save(file) {
    const [name, data] = file.split("|");
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  }

  // A picture of ours carries its link in XMP, as plain text. It is read here and never leaves the visitor's machine.
  async function restore(file) {
    const text = new TextDecoder("latin1").decode(await file.slice(0, 2 ** 22).arrayBuffer());
    const link = /expressions:Recipe="([^"]*)"/.exec(text);
    open(link ? link[1].replace(/&amp;/g, "&") : "link=none");
  }

  // Sliders ----------------------------------------------------------------------------------------

  function resetSlider(name) {
    const own = getComputedStyle(element(`#slider-${name}`)).getPropertyValue("--own").trim();
    setInput(element(`#slider-${name} input[type=range]`), own);
  }

  // While a slider is dragged, drafts follow it. When it is let go or rests, #rest asks for the face itself. A draft that
  // was still on its way may then replace that face, so a draft that stays asks for the face again (`settle`).
  let resting = 0;

  function restAfter(milliseconds) {
    clearTimeout(resting);
    resting = setTimeout(() => element("#rest").click(), milliseconds);
  }

  function settle() {
    if (element("#face [data-draft]")) restAfter(250);
    const wipe = element(".wipe input");
    if (wipe) wipe.value = element("#face").style.getPropertyValue("--wipe") || 50;
  }

  // Listeners --------------------------------------------------------------------------------------

  const KEYS = { n: "#next", p: "#previous", r: "#random", s: "#surprise", b: "#back", f: "#forward", 0: "#reset" };
  const TYPING = "input:not([type=range], [type=radio], [type=checkbox]), textarea, select, [contenteditable]";

  // A browser may forbid to store anything.
  function hasShortcuts() {
    try {
      return localStorage.getItem("expressions-shortcuts") !== "off";
    } catch {
      return true;
    }
  }

  function keepShortcuts(on) {
    try {
      localStorage.setItem("expressions-shortcuts", on ? "on" : "off");
    } catch {
      // The choice holds until the page is left.
    }
  }

  window.addEventListener("popstate", ({ state }) => {
    if (!state?.seen) return; // no face, but a mark in the page
    at = state.at;
    history.replaceState({ ...state, seen }, "");
    showPlace();
    open(seen[at] ?? state.seen[at]);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    const shortcuts = element("#shortcuts"); // hidden on a touch screen, where nobody could turn them off
    if (!shortcuts?.checked || !shortcuts.offsetParent || event.target.closest(TYPING)) return;
    const button = KEYS[event.key?.toLowerCase()];
    if (button) element(button)?.click();
  });

  document.addEventListener("click", (event) => {
    const choice = event.target.closest?.("#face [data-link]");
    if (choice) open(choice.dataset.link);
  });

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[id^=slider-] input")) restAfter(250);
    if (event.target.matches?.(".wipe input")) element("#face").style.setProperty("--wipe", event.target.value);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[id^=slider-] input")) restAfter(0);
    if (event.target.matches?.("#shortcuts")) keepShortcuts(event.target.checked);
    if (event.target.matches?.("#restore input") && event.target.files[0]) {
      restore(event.target.files[0]);
      event.target.value = ""; // so that the same file can be opened again
    }
  });

  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });

  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files[0]) return;
    event.preventDefault();
    restore(event.dataTransfer.files[0]);
  });

  const back = () => history.back();
  const forward = () => history.forward();

  return { ...opens, back, forward, settle, miss, remember, copyLink, copyEmbed, save, resetSlider };
})();
