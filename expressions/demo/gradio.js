// The page in Gradio's: drawn from its data before its scripts are there, moved into its component when they are, and
// answered by its server.
(() => {
  const NO_ANSWER = "The server gave no answer: it may be busy. Please try again in a moment.";
  const { props } = gradio_config.components.find(({ props }) => props.elem_id === "component");
  const page = document.querySelector("#expressions");
  page.innerHTML = props.props.markup;
  expressions.start(page, props.value);

  expressions.mount = (element, server) => {
    const focused = document.activeElement;
    element.append(page);
    focused.focus({ preventScroll: true });

    async function ask(name, given) {
      const told = await server[name](given); // nothing, where the server cannot be reached or answers with an error
      if (!told || told.error) throw new Error(told?.error ?? NO_ANSWER);
      return told;
    }

    expressions.answers.connect({
      faces: (states, size) => ask("faces", { states, size }),
      morph: (state) => ask("morph", { state }),
      png: (state, size) => ask("png", { state, size }),
    });
    const isCostly = navigator.connection?.saveData; // to the visitor, by the megabyte
    if (!isCostly) expressions.drawInBrowser(props.value).catch(({ message }) => console.info(`Drawn by the server: ${message}`));
  };
})();
