// What no component of Gradio does: links, the faces seen, keys, the clipboard, and pictures dropped on the page.
//
// Whatever opens a face is a request "<count>?<query>" in the hidden box `asked`; the count makes it a new one even if
// the query is that of the last. The functions that Gradio calls take that box, the seed and the box of the request
// answered last, and return the first two.
window.expressions = (() => {
  const MAX_SEED = 4294967295;
  const seen = []; // queries of the faces seen
  let at = -1; // which of them is on screen
  let pending = ""; // query that #open is to ask for

  const element = (selector) => document.querySelector(selector);

  // Until the first answer: the page comes with a face, which a link to another one must not show.
  const isLink = [...new URLSearchParams(location.search).keys()].some((name) => !name.startsWith("__"));
  document.documentElement.dataset.opening = isLink ? "link" : "first";

  function ask(asked, seed, query) {
    const given = new URLSearchParams(query).get("seed");
    const isSeed = given !== null && /^\d+$/.test(given) && Number(given) <= MAX_SEED;
    return [`${(parseInt(asked) || 0) + 1}?${String(query).replace(/^\?/, "")}`, isSeed ? Number(given) : seed];
  }

  const queryOf = (request) => request.slice(request.indexOf("?") + 1);
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

  const valid = (seed) => Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED;
  const opens = {
    load: (asked, seed) => ask(asked, seed, location.search),
    typed: (asked, seed) => [ask(asked, seed, `seed=${seed}`)[0], seed],
    next: (asked, seed) => ask(asked, seed, `seed=${valid(seed) && seed < MAX_SEED ? seed + 1 : 0}`),
    previous: (asked, seed) => ask(asked, seed, `seed=${valid(seed) && seed > 0 ? seed - 1 : MAX_SEED}`),
    random: (asked, seed) => ask(asked, seed, `seed=${randomSeed()}`),
    surprise,
    reset: (asked, seed) => ask(asked, seed, at < 0 ? "" : `seed=${new URLSearchParams(seen[at]).get("seed")}`),
    back: (asked, seed) => (at > 0 ? ask(asked, seed, seen[--at]) : [asked, seed]),
    forward: (asked, seed) => (at < seen.length - 1 ? ask(asked, seed, seen[++at]) : [asked, seed]),
    pending: (asked, seed) => ask(asked, seed, pending),
    rest: (asked, seed, answered) => ask(asked, seed, isAnswered(asked, answered) ? "rest" : queryOf(asked)),
  };

  function open(query) {
    pending = query;
    element("#open").click();
  }

  // The address ------------------------------------------------------------------------------------

  // Keep what Gradio put there, such as __theme.
  function address(link) {
    const url = new URL(location.href);
    const kept = [...url.searchParams].filter(([name]) => name.startsWith("__"));
    url.search = new URLSearchParams([...new URLSearchParams(link), ...kept]);
    return url;
  }

  function remember(link) {
    delete document.documentElement.dataset.opening;
    const url = address(link);
    history.replaceState(history.state, "", url);
    if (window.parent !== window && location.hostname.endsWith(".hf.space")) {
      window.parent.postMessage({ queryString: url.searchParams.toString() }, "https://huggingface.co");
    }
    const fields = new URLSearchParams(link);
    for (const name of ["view", "strip", "across", "down", "to", "weights"]) fields.delete(name);
    const seedOf = (query) => new URLSearchParams(query).get("seed");
    if (at < 0 || seedOf(seen[at]) !== fields.get("seed")) seen.splice(++at, seen.length, fields.toString());
    else seen[at] = fields.toString();
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

  // A picture of ours carries its link in XMP, as plain text; it is read here and leaves the visitor's machine never.
  async function restore(file) {
    const text = new TextDecoder("latin1").decode(await file.slice(0, 2 ** 22).arrayBuffer());
    const recipe = /expressions:Recipe="([^"]*)"/.exec(text);
    open(recipe ? recipe[1].replace(/&amp;/g, "&") : "recipe=none");
  }

  // Sliders ----------------------------------------------------------------------------------------

  function setSlider(name, value) {
    const box = element(`#slider-${name} input[type=range]`);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, value);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const resetSlider = (name) =>
    setSlider(name, getComputedStyle(element(`#slider-${name}`)).getPropertyValue("--own").trim());

  // While a slider is dragged, drafts follow it; when it is let go or rests, the face itself. A draft may arrive after
  // that, since two answers can be on their way at once: one that stays is replaced.
  let resting = 0;

  function restAfter(milliseconds) {
    clearTimeout(resting);
    resting = setTimeout(() => element("#rest").click(), milliseconds);
  }

  function settle() {
    if (element("#face [data-draft]")) restAfter(250);
  }

  // Listeners --------------------------------------------------------------------------------------

  const KEYS = { n: "#next", p: "#previous", r: "#random", s: "#surprise", b: "#back", f: "#forward", 0: "#reset" };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input:not([type=range]):not([type=radio]), textarea, select, [contenteditable]")) return;
    const button = KEYS[event.key];
    if (button) element(button)?.click();
  });

  document.addEventListener("click", (event) => {
    const choice = event.target.closest?.("#face [data-seed], #face [data-sliders]");
    if (!choice) return;
    if (choice.dataset.seed) return open(`seed=${choice.dataset.seed}&view=face`);
    for (const [name, value] of Object.entries(JSON.parse(choice.dataset.sliders))) setSlider(name, value);
  });

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[id^=slider-] input")) restAfter(250);
    if (event.target.matches?.(".wipe input")) element("#face").style.setProperty("--wipe", event.target.value);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[id^=slider-] input")) restAfter(0);
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

  return { ...opens, settle, remember, copyLink, copyEmbed, save, resetSlider };
})();
