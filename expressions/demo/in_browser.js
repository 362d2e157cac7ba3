// The generator in the visitor's browser: loaded when the page has nothing else to do, it answers from then on.
//
//   opening: what the page starts with; `opening.engine` is where engine.js lies.
//   own: what is asked of it; what is not, or fails, is asked of those that were connected before.
// The promise is rejected where this browser cannot run it.
expressions.drawInBrowser = async (opening, own = ["draft", "faces", "morph"]) => {
  const place = document.querySelector("#place");
  const { write } = expressions.links(opening);
  const idle = () => new Promise((resolve) => (window.requestIdleCallback ?? setTimeout)(resolve));
  await idle();
  const { Engine } = await import(new URL(opening.engine, document.baseURI));
  if (!Engine.isPossible()) throw new Error("this browser lacks WebAssembly");
  place.textContent = "The generator is being loaded into your browser: 12 MB, once.";
  const engine = await Engine.load().finally(() => (place.textContent = ""));
  const answers = {
    draft: engine.draft,
    faces: engine.faces,
    morph: (state) => engine.morph(state, write(state)),
    png: (state, size) => engine.png(state, size, write(state)),
  };
  expressions.answers.connect(Object.fromEntries(own.map((name) => [name, answers[name]])));
  place.textContent = "These faces are drawn in your browser.";
};
