// The HTML of the page: pictures, changes, and what is said of a face. What could come from foreign weights is escaped.
expressions.views = ({ labels, along, seeds }) => {
  const STRIP = [0, 13, 25, 38, 50, 63, 75, 88, 100]; // values of a filmstrip
  const MAP = [0, 25, 50, 75, 100]; // values on either axis of a map
  const SHEET = 24; // seeds of a sheet; after the last seed comes 0
  const TOLERANCE = 3; // points: a value further than this from what was asked is a miss; chosen by hand
  const ALT = "The synthetic face of this seed, as the sliders ask";

  const escaped = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  const label = (name) => escaped(labels[name]);
  const listed = (asked) => Object.entries(asked).map(([name, value]) => `${label(name)} ${value}`).join(", ");
  const asking = (state, asked) => ({ ...state, targets: { ...state.targets, ...asked } });

  // What the small faces of a view ask for besides its state, from the upper left on.
  const GRIDS = {
    strip: ({ strip }) => STRIP.map((value) => ({ [strip]: value })),
    map: ({ across, down }) =>
      across === down ? [] : MAP.toReversed().flatMap((up) => MAP.map((right) => ({ [across]: right, [down]: up }))),
  };

  // The states of the small faces in a view; a click on one takes it over.
  function choices(state) {
    if (state.view !== "sheet") return (GRIDS[state.view]?.(state) ?? []).map((asked) => asking(state, asked));
    const sheet = [...Array(SHEET).keys()].map((step) => (state.seed + step) % (seeds + 1));
    return sheet.map((seed) => ({ ...state, seed, targets: {}, view: "face" }));
  }

  function cells(state, faces) {
    const asked = GRIDS[state.view]?.(state);
    return choices(state).map(({ seed }, number) => {
      const { src, values } = faces[number];
      const reached = asked && Object.keys(asked[number]).map((name) => values[name].toFixed()).join(" / ");
      const name = asked ? `Take ${listed(asked[number])}; measured ${reached}` : `Open face ${seed}`;
      return `<button data-choice="${number}" aria-label="${name}"><img src="${src}" alt=""><span>${reached ?? seed}</span></button>`;
    }).join("");
  }

  // The picture part of the page. `pictures`: of the face asked for, of the one before any edit, the small ones, the morph.
  const STAGES = {
    face: (state, { now }) => `<div class="view single"><img src="${now}" alt="${ALT}"></div>`,
    compare: (state, { now, before }) =>
      `<div class="view wipe"><img src="${before}" alt="The face before any edit"><img src="${now}" alt="${ALT}">
      <span class="before">Before</span><span class="now">Now</span>
      <input type="range" min="0" max="100" value="50" aria-label="How much of the face before is shown"></div>`,
    strip: (state, { small }) => `<div class="view strip">${cells(state, small)}</div>`,
    map: (state, { small }) =>
      small.length
        ? `<div class="view map"><span class="down">${label(state.down)} &rarr;</span><div>${cells(state, small)}</div>
          <span class="across">${label(state.across)} &rarr;</span></div>`
        : '<div class="view"><p>Choose two different attributes.</p></div>',
    morph: ({ seed, to }, { morph }) =>
      `<div class="view single"><picture>
      <source media="(prefers-reduced-motion: reduce)" srcset="${morph.still}">
      <img src="${morph.src}" alt="Synthetic faces from seed ${seed} to seed ${to} and back"></picture></div>
      <p class="file"><a download="${morph.name}" href="${morph.src}">Download this loop</a></p>`,
    sheet: (state, { small }) => `<div class="view sheet">${cells(state, small)}</div>`,
  };
  const stage = (state, pictures) => STAGES[state.view](state, pictures);

  // What was asked of a face and not reached: [attribute, value asked, value measured] each.
  const missed = ({ targets }, values) =>
    Object.entries(targets)
      .map(([name, asked]) => [name, asked, values[name]])
      .filter(([, asked, value]) => Math.abs(value - asked) > TOLERANCE);

  function shortfall(misses) {
    const parts = misses.map(([name, asked, value]) => `${labels[name]} ${value.toFixed()} (asked ${asked})`);
    return parts.length ? `Not fully reached: ${parts.join(", ")}.` : "";
  }

  // How far a face goes with each of these attributes alone: [attribute, least value, greatest value].
  function reach(ends) {
    const parts = ends.map(([name, low, high]) => `${labels[name]} reaches ${low.toFixed()} to ${high.toFixed()}`);
    const moved = parts.length > 1 ? "Each moved on its own" : "Moved on its own";
    return parts.length ? `${moved}, ${parts.join(", ")} on this face.` : "";
  }

  // Every attribute's value before and after: what was asked for first, then the largest change.
  function changes(before, after, targets) {
    const free = new Set(Object.keys(targets).flatMap((name) => along[name] ?? []));
    const size = (name) => Math.abs(after[name] - before[name]);
    const names = Object.keys(after).sort((a, b) => (b in targets) - (a in targets) || size(b) - size(a));
    const rows = names.map((name) => {
      const [old, now] = [Math.round(before[name]), Math.round(after[name])];
      const change = now > old ? `+${now - old}` : now < old ? `\u2212${old - now}` : "0";
      const note = free.has(name) && !(name in targets) ? " <small>may go along</small>" : "";
      const asked = name in targets ? " class=asked" : "";
      return `<tr${asked}><th scope=row>${label(name)}${note}</th><td>${old}</td><td>${now}</td><td>${change}</td></tr>`;
    });
    const titles = ["Attribute", "Before", "Now", "Change"].map((title) => `<th scope=col>${title}</th>`);
    return `<table><thead><tr>${titles.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
  }

  return { choices, stage, missed, shortfall, reach, changes };
};
