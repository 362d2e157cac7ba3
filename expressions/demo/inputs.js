// Keys, sliders under a finger, and number boxes that are emptied: what is set by accident on the way to something else.
(() => {
  function setInput(input, value) {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A finger that lands on a slider sets it at once, though it may be about to scroll the page. What it sets is held
  // back until the finger is lifted or has gone sideways; where it scrolls, the browser cancels the touch.
  const SIDEWAYS = 8; // pixels; chosen by hand
  let touch = null;

  function decide(isMeant) {
    const { slider, asked } = touch;
    touch = null;
    if (isMeant && asked !== undefined) setInput(slider, asked);
  }

  document.addEventListener("pointerdown", ({ target, pointerType, isPrimary, clientX: x, clientY: y }) => {
    const isTouch = pointerType === "touch" && isPrimary && target.matches("input[type=range]");
    touch = isTouch ? { slider: target, before: target.value, x, y } : null;
  });

  document.addEventListener("pointermove", (event) => {
    if (!touch || !event.isPrimary) return;
    const [right, down] = [event.clientX - touch.x, event.clientY - touch.y].map(Math.abs);
    if (right > Math.max(SIDEWAYS, down)) decide(true);
  });

  document.addEventListener("pointerup", (event) => touch && event.isPrimary && decide(true));
  document.addEventListener("pointercancel", (event) => touch && event.isPrimary && decide(false));

  // Before the page learns of it.
  document.addEventListener("input", (event) => {
    const { target } = event;
    if (touch?.slider !== target) return;
    event.stopImmediatePropagation();
    [touch.asked, target.value] = [target.value, touch.before];
  }, true);

  // A number box that is left empty goes back to what it held when it was entered; until then, it asks for nothing.
  let held = "";

  function leave({ target }) {
    if (!target.matches?.("input[type=number]")) return;
    if (target.value === "") setInput(target, held);
    held = target.value;
  }

  document.addEventListener("focusin", ({ target }) => (held = target.value));
  document.addEventListener("change", leave, true);
  document.addEventListener("blur", leave, true);

  // Keys do what the buttons do.
  const KEYS = { n: "#next", p: "#previous", r: "#random", s: "#surprise", b: "#back", f: "#forward", 0: "#reset" };
  const TYPING = "input:not([type=range], [type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  const KEPT = "expressions-shortcuts";

  // A browser may forbid to store anything. Then the choice holds until the page is left.
  function attempt(action) {
    try {
      return action();
    } catch {
      return null;
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    const shortcuts = document.querySelector("#shortcuts"); // hidden on a touch screen, where nobody could turn them off
    if (!shortcuts?.checked || !shortcuts.offsetParent || event.target.closest(TYPING)) return;
    const button = KEYS[event.key?.toLowerCase()];
    if (button) document.querySelector(button)?.click();
  });

  expressions.keepShortcuts = (box) => {
    box.checked = attempt(() => localStorage.getItem(KEPT)) !== "off";
    box.addEventListener("change", () => attempt(() => localStorage.setItem(KEPT, box.checked ? "on" : "off")));
  };

  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
})();
