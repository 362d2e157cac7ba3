// The page: what a visitor does makes a state, and what answers makes a picture of it.
//
// `start` runs it in an element that holds its markup, from the JSON that `opening` of layout.py makes.
expressions.start = (page, opening) => {
  const SHOWN = 512; // pixels a side, as is the next one
  const SMALL = 160;
  const ONE_FACE = ["face", "compare"]; // views that a drag is followed in
  const NO_LINK = "That picture carries no link: only downloads of this page do.";
  const { SEED_RULE, readSeed, readValue, inOrder, read, write } = expressions.links(opening);
  const { ask, faces, remember } = expressions.answers;
  const { copy, embedded, linkIn, save } = expressions.sharing;
  const views = expressions.views(opening);
  const trail = expressions.trail(page, write, (face) => open({ ...state, ...face }));
  const element = (selector) => page.querySelector(selector);
  const sliders = [...page.querySelectorAll(".slider")];
  const [stage, seedBox, toBox] = ["#face", "#seed", "#to input"].map(element);

  let state = opening.first; // what is asked for
  let shown = { state, before: opening.face, after: opening.face }; // what the picture shows: unedited, and as asked
  let said = ""; // of what was asked for and not understood

  // Requests ----------------------------------------------------------------------------------------

  let wanted; // the state that was requested last
  let isRequested = false;
  let isDrafted = false;

  // One request is on its way at a time, and after it the last of those that came since. A late answer is dropped.
  async function request() {
    clearTimeout(resting);
    wanted = state;
    if (isRequested) return;
    isRequested = true;
    for (let asked; asked !== wanted; ) {
      asked = wanted;
      const answer = await answerTo(asked).catch((error) => ({ error }));
      if (asked === state) answer.error ? miss(answer.error) : show(answer);
    }
    isRequested = false;
  }

  async function answerTo(asked) {
    const isMorph = asked.view === "morph";
    const [[before, after], small, morph] = await Promise.all([
      faces([{ ...asked, targets: {} }, asked], SHOWN),
      faces(views.choices(asked), SMALL),
      isMorph && ask("morph", asked),
    ]);
    return { state: asked, before, after, small, morph };
  }

  // A drag of one face is followed by drafts, until what it rests at is shown.
  async function draft() {
    if (isDrafted || !isOnScreen()) return;
    isDrafted = true;
    for (let asked; asked !== state && state !== shown.state && ONE_FACE.includes(state.view); ) {
      asked = state;
      const { src } = await ask("draft", asked).catch(() => ({}));
      const isOfFace = isOnScreen() && asked.seed === state.seed && asked.view === state.view;
      if (src && isOfFace && state !== shown.state) paint(asked, { now: src, before: shown.before.src });
    }
    isDrafted = false;
  }

  let resting = 0;

  function restAfter(milliseconds) {
    clearTimeout(resting);
    resting = setTimeout(request, milliseconds);
  }

  // What is shown -----------------------------------------------------------------------------------

  function paint(asked, pictures) {
    const template = document.createElement("template");
    template.innerHTML = views.stage(asked, pictures);
    const [old, now] = [stage, template.content].map((place) => [...place.querySelectorAll("img")]);
    const isSame = stage.dataset.view === asked.view && ONE_FACE.includes(asked.view);
    if (isSame) old.forEach((image, number) => (image.src = now[number].src)); // a new one is blank until it is decoded
    else stage.replaceChildren(template.content);
    stage.dataset.view = asked.view;
    const wipe = element(".wipe input");
    if (wipe) wipe.value = stage.style.getPropertyValue("--wipe") || 50;
  }

  function show(answer) {
    shown = answer;
    delete document.documentElement.dataset.opening;
    paint(state, { ...shown, now: shown.after.src, before: shown.before.src });
    showControls();
    say(said);
    explain(state);
    element("#changes div").innerHTML = views.changes(shown.before.values, shown.after.values, state.targets);
    trail.keep(state);
  }

  // Where no answer comes, everything goes back to what the picture shows.
  function miss(error) {
    delete document.documentElement.dataset.opening;
    state = shown.state;
    seedBox.value = state.seed;
    showControls();
    say(error.message);
  }

  const ownOf = (name) => Math.round(shown.before.values[name]);
  const isOnScreen = () => state.seed === shown.state.seed && state.attempts === shown.state.attempts;

  function showControls() {
    page.dataset.view = state.view;
    for (const name of ["view", "attempts"]) element(`[name=${name}][value="${state[name]}"]`).checked = true;
    for (const name of ["strip", "across", "down"]) element(`[name=${name}]`).value = state[name];
    if (document.activeElement !== toBox) toBox.value = state.to;
    if (isOnScreen()) sliders.forEach(showSlider);
  }

  function showSlider(slider) {
    const { name } = slider.dataset;
    const [box, range] = slider.querySelectorAll("input");
    const value = state.targets[name] ?? ownOf(name);
    range.value = value;
    if (document.activeElement !== box) box.value = value;
    slider.style.setProperty("--own", ownOf(name));
  }

  function say(text) {
    said = text;
    const shortfall = views.shortfall(views.missed(shown.state, shown.after.values));
    element("#remark").textContent = [said, shortfall].filter(Boolean).join(" ");
  }

  // Say how far the face goes with what it missed. This is costly, so it follows the picture.
  async function explain(asked) {
    const names = views.missed(asked, shown.after.values).map(([name]) => name);
    const ends = names.flatMap((name) => [0, 100].map((end) => ({ ...asked, targets: { [name]: end } })));
    element("#reach").textContent = "";
    const answers = await faces(ends, 0).catch(() => []);
    if (!answers.length || shown.state !== asked) return;
    const reached = names.map((name, number) => [name, ...answers.slice(2 * number, 2 * number + 2).map(({ values }) => values[name])]);
    element("#reach").textContent = views.reach(reached);
  }

  // What a visitor asks for -------------------------------------------------------------------------

  function become(next, text = "", isTyping = false) {
    [state, said] = [next, text];
    trail.enter(state, isTyping);
  }

  function open(next, text = "") {
    become(next, text);
    seedBox.value = state.seed;
    showControls();
    request();
  }

  async function restore(file) {
    const link = await linkIn(file);
    const { state: next, refusal, caveat } = link ? read(link, state) : { refusal: NO_LINK };
    if (refusal) say(`${refusal} This is still face ${state.seed}.`);
    else open(next, caveat);
  }

  function typeSeed() {
    const seed = readSeed(seedBox.value);
    if (seed === null) return say(`${SEED_RULE} This is still face ${state.seed}.`);
    become(seed === state.seed ? state : { ...state, seed, targets: {} }, "", true);
    request();
  }

  function typeTo() {
    const to = readSeed(toBox.value);
    if (to === null) say(`${SEED_RULE} This still goes to face ${state.to}.`);
    else open({ ...state, to });
  }

  // A slider asks for its value where that is not the face's own.
  function move(name, value) {
    const isOwn = isOnScreen() && value === ownOf(name);
    become({ ...state, targets: inOrder({ ...state.targets, [name]: isOwn ? null : value }) });
    showControls();
    draft();
    restAfter(250);
  }

  const unedited = (seed) => open({ ...state, seed, targets: {} });
  const walk = (steps) => unedited((state.seed + steps + opening.seeds + 1) % (opening.seeds + 1));
  const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

  function surprise() {
    const any = () => opening.sliders[Math.floor(Math.random() * opening.sliders.length)];
    const targets = Object.fromEntries([any(), any()].map((name) => [name, Math.floor(Math.random() * 101)]));
    open({ ...state, seed: randomSeed(), targets: inOrder(targets) });
  }

  const BUTTONS = {
    previous: () => walk(-1),
    next: () => walk(1),
    random: () => unedited(randomSeed()),
    surprise,
    reset: () => walk(0),
    back: () => history.back(),
    forward: () => history.forward(),
    "copy-link": (button) => copy(trail.address(shown.state).href, button),
    "copy-embed": (button) => copy(embedded(trail.address(shown.state).href), button),
  };

  page.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    const { name, choice, size } = button.dataset;
    BUTTONS[button.id]?.(button);
    if (name) open({ ...state, targets: inOrder({ ...state.targets, [name]: null }) });
    if (choice) open(views.choices(shown.state)[choice]);
    if (size) ask("png", state, Number(size)).then(save, ({ message }) => say(message));
  });

  page.addEventListener("input", ({ target }) => {
    const { name, value } = target;
    const slider = target.closest(".slider");
    if (slider && readValue(value) !== null) move(slider.dataset.name, readValue(value));
    if (target === seedBox) typeSeed();
    else if (target === toBox) typeTo();
    else if (name) open({ ...state, [name]: name === "attempts" ? Number(value) : value });
    if (target.matches(".wipe input")) stage.style.setProperty("--wipe", value);
  });

  page.addEventListener("change", ({ target }) => {
    if (target.closest(".slider") && state !== shown.state) request();
    if (target.id !== "restore" || !target.files[0]) return;
    restore(target.files[0]);
    target.value = ""; // so that the same file can be opened again
  });

  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files[0]) return;
    event.preventDefault();
    restore(event.dataTransfer.files[0]);
  });

  page.addEventListener("focusout", () => setTimeout(showControls)); // a box may hold something else than what it asked

  // The page comes with a face. Where a link asks for another one, the style sheet hides it until that is answered.
  const { state: linked, refusal, caveat } = read(location.search);
  const isLink = [...new URLSearchParams(location.search).keys()].some((name) => !name.startsWith("__"));
  if (isLink) document.documentElement.dataset.opening = "link";
  remember(opening.first, SHOWN, opening.face);
  paint(state, { now: opening.face.src });
  showControls();
  expressions.keepShortcuts(element("#shortcuts"));
  trail.start(linked);
  open(linked, refusal ? `${refusal} Showing face ${linked.seed} instead.` : caveat);
};
