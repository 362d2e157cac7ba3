// The clipboard, and files that leave the page or come back.
expressions.sharing = (() => {
  async function copy(text, button) {
    const byHand = document.querySelector("#by-hand");
    try {
      await navigator.clipboard.writeText(text);
      button.dataset.done = "Copied";
      setTimeout(() => delete button.dataset.done, 2000);
      byHand.hidden = true;
    } catch {
      // A frame may lack the right to write to the clipboard, and a page without TLS has none.
      byHand.hidden = false;
      byHand.querySelector("input").value = text;
      byHand.querySelector("input").select();
    }
  }

  function embedded(address) {
    const source = address.replace(/&/g, "&amp;");
    return `<iframe src="${source}" title="Expressions" width="100%" height="900" allow="clipboard-write"></iframe>`;
  }

  async function save({ name, src }) {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(await (await fetch(src)).blob());
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  }

  // A picture of ours carries its link in XMP, as plain text. It is read here and never leaves the visitor's machine.
  async function linkIn(file) {
    const text = new TextDecoder("latin1").decode(await file.slice(0, 2 ** 22).arrayBuffer());
    return /expressions:Recipe="([^"]*)"/.exec(text)?.[1].replace(/&amp;/g, "&");
  }

  return { copy, embedded, save, linkIn };
})();
