// What no component of Gradio does: links, the faces seen, keys, the clipboard, and pictures dropped on the page.
//
// A face is asked for by a request "<count>?<query>" in the hidden box `asked`. The count tells a request from the one
// before it, even if both have the same query. The functions of `opens` get the boxes `asked` and seed and the box of
// the request that was answered last; they return what the first two are to hold.
window.expressions = (() => {
  const MAX_SEED = 4294967295;
  const seen = []; // queries of the faces seen
  let at = -1; // which of them is on screen
  let isTyped = false; // whether the seed of that one was typed
  const purposes = new Map(); // by a request's count: "typed", or the place in `seen` that it goes to
  let pending = ""; // query that #open is to ask for

  const element = (selector) => document.querySelector(selector);

  // The page comes with a face. Where a link asks for another one, the style sheet hides it until the first answer.
  const isLink = [...new URLSearchParams(location.search).keys()].some((name) => !name.startsWith("__"));
  document.documentElement.dataset.opening = isLink ? "link" : "first";

  function ask(asked, seed, query, purpose) {
    const count = (parseInt(asked) || 0) + 1;
    const given = seedOf(query);
    purposes.set(count, purpose);
    return [`${count}?${String(query).replace(/^\?/, "")}`, isSeed(given) ? Number(given) : seed];
  }

  const isSeed = (given) => /^\d+$/.test(given) && Number(given) <= MAX_SEED; // a text or a number
  const seedOf = (query) => new URLSearchParams(query).getAll("seed").at(-1) ?? ""; // the last, as the server does
  const queryOf = (request) => request.slice(request.indexOf("?") + 1);
  const purposeOf = (request) => purposes.get(parseInt(request));
  const isAnswered = (asked, answered) => parseInt(asked) === parseInt(answered);
  const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

  function surprise(asked, seed) {
    const sliders = [...document.querySelectorAll("[id^=slider-]")].map((slider) => slider.id.slice("slider-".length));
    const fields = new URLSearchParams({ seed: randomSeed() });
    for (let count = 0; count < 2; count++) {
      fields.set(sliders[Math.floor(Math.random() * sliders.length)], Math.floor(Math.random() * 101));
    }
    return ask(asked, seed, fields);
  }

  function load(asked, seed) {
    element("#shortcuts").checked = hasShortcuts();
    return ask(asked, seed, location.search);
  }

  // Go some seeds on from the one in the box; if the box holds none, from the face on screen.
  function walk(asked, seed, answered, steps) {
    const start = Number(isSeed(seed) ? seed : seedOf(queryOf(answered)));
    return ask(asked, seed, `seed=${(start + steps + MAX_SEED + 1) % (MAX_SEED + 1)}`);
  }

  // Go through the faces seen, from the one that was asked for last; its answer may not be there yet.
  function turn(asked, seed, steps) {
    const place = (Number.isInteger(purposeOf(asked)) ? purposeOf(asked) : at) + steps;
    return place in seen ? ask(asked, seed, seen[place], place) : [asked, seed];
  }

  const opens = {
    load,
    typed: (asked, seed) => [ask(asked, seed, `seed=${seed}`, "typed")[0], seed],
    next: (asked, seed, answered) => walk(asked, seed, answered, 1),
    previous: (asked, seed, answered) => walk(asked, seed, answered, -1),
    random: (asked, seed) => ask(asked, seed, `seed=${randomSeed()}`),
    surprise,
    reset: (asked, seed, answered) => walk(asked, seed, answered, 0),
    back: (asked, seed) => turn(asked, seed, -1),
    forward: (asked, seed) => turn(asked, seed, 1),
    pending: (asked, seed) => ask(asked, seed, pending),
    rest: (asked, seed, answered) =>
      isAnswered(asked, answered) ? ask(asked, seed, "rest") : ask(asked, seed, queryOf(asked), purposeOf(asked)),
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

  function remember(link, answered) {
    reveal();
    const url = address(link);
    if (window.parent !== window && location.hostname.endsWith(".hf.space")) {
      window.parent.postMessage({ queryString: url.searchParams.toString() }, "https://huggingface.co");
    }
    // What Gradio put into the address stays there: __theme, and __sign, which opens a private Space. No link has them.
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name.startsWith("__")) url.searchParams.append(name, value);
    }
    history.replaceState(history.state, "", url);
    see(link, purposeOf(answered));
  }

  // Put an answer among the faces seen. A seed that is typed digit by digit counts once.
  function see(link, purpose) {
    const fields = new URLSearchParams(link);
    for (const name of ["view", "strip", "across", "down", "to", "weights"]) fields.delete(name);
    const [old, seed] = [at < 0 ? "" : seedOf(seen[at]), fields.get("seed")];
    const isLonger = isTyped && purpose === "typed" && (seed.startsWith(old) || old.startsWith(seed));
    if (Number.isInteger(purpose)) at = purpose;
    else if (seed !== old && !isLonger) seen.splice(++at, seen.length);
    isTyped = purpose === "typed" && (isTyped || seed !== old);
    seen[at] = fields.toString();
    element("#back").disabled = at <= 0;
    element("#forward").disabled = at >= seen.length - 1;
  }

  // Sharing ----------------------------------------------------------------------------------------

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      element(button).dataset.done = "Copied";
      setTimeout(() => delete element(button).dataset.done, 2000);
    } catch {
      window.prompt("Copy this:", text); // a frame may lack the right to write to the clipboard
    }
  }

  const copyLink = (link) => copy(address(link).href, "#copy-link");

  function copyEmbed(link) {
    const source = address(link).href.replace(/&/g, "&amp;");
    return copy(`<iframe src="${source}" title="Expressions" width="100%" height="900"></iframe>`, "#copy-embed");
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
    const box = element(`#slider-${name} input[type=range]`);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, own);
    box.dispatchEvent(new Event("input", { bubbles: true }));
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

  return { ...opens, settle, reveal, remember, copyLink, copyEmbed, save, resetSlider };
})();
