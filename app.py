"""The page: a synthetic face, its seed, and sliders whose numbers are measured in the picture."""

import functools
import html
import logging
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import torch
from PIL import Image

from expressions import Editor, WeightsError
from expressions.attributes import COUPLED
from expressions.editor import MAX_SEED
from expressions.images import to_pil

logger = logging.getLogger("expressions.app")

FIRST_SEED = 23
PICTURE_SIZE = 512
TOLERANCE = 3  # a slider further than this from what is measured is named under the picture


@dataclass(frozen=True)
class Control:
    """One slider: CelebA's name of the attribute, what the page calls it, and what the reader should know."""

    attribute: str
    label: str
    info: str


GROUPS: dict[str, tuple[Control, ...]] = {
    "Expression": (
        Control("Smiling", "Smile", "CelebA: Smiling"),
        Control("Mouth_Slightly_Open", "Open mouth", "CelebA: Mouth_Slightly_Open"),
    ),
    "Hair": (
        Control("Black_Hair", "Black hair", "CelebA: Black_Hair"),
        Control("Brown_Hair", "Brown hair", "CelebA: Brown_Hair"),
        Control("Blond_Hair", "Blond hair", "CelebA: Blond_Hair"),
        Control("Bangs", "Fringe", "CelebA: Bangs"),
    ),
    "Person": (
        Control("Male", "Feminine to masculine", "CelebA: Male"),
        Control("Young", "Older to younger", "CelebA: Young"),
        Control("Skin_Tone", "Darker to lighter skin", "Skin_Tone: colour of the cheeks"),
    ),
    "Style": (
        Control("Eyeglasses", "Glasses", "CelebA: Eyeglasses"),
        Control("No_Beard", "Bearded to clean-shaven", "CelebA: No_Beard"),
    ),
}
LABELS = {control.attribute: control.label for group in GROUPS.values() for control in group}
PAGE_ATTRIBUTES = tuple(LABELS)

SYNTHETIC = "This face is synthetic: no such person exists."
SCALE = (
    "The numbers are measured in the picture: 0 is the lowest 1 % of random faces, 100 the highest 1 %. "
    "Sliders start at what this face has. Those you move are asked of it; where it falls short, a line under the "
    "picture says what was reached."
)
SEED_RULE = f"A seed is a whole number from 0 to {MAX_SEED}."
FALLBACK_NOTICE = (
    "The weights named by EXPRESSIONS_MODEL could not be loaded. "
    "These faces come from the embedded weights; the log says why."
)


# Faces --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Face:
    """A picture, and the value of every attribute measured in it."""

    picture: Image.Image
    values: Mapping[str, float]


class Faces:
    """What the page shows of an editor: each answer follows from a seed and the sliders' values alone."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.attributes = tuple(name for name in PAGE_ATTRIBUTES if name in editor.attributes)
        self.unedited = functools.lru_cache(maxsize=4096)(self._unedited)
        self.reach = functools.lru_cache(maxsize=4096)(self._reach)

    def draw(self, seed: int, targets: Mapping[str, float]) -> Face:
        """Draw what `Editor.render` draws, and measure it on the way.

        Raises:
            ValueError: as for `Editor.render`.
        """
        images = self.editor.synthesize(self.editor.edit(self.editor.latents(seed), targets))
        picture = to_pil(images[0]).resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
        values = self.editor.measure(images)[0].tolist()
        return Face(picture, dict(zip(self.editor.attributes, values, strict=True)))

    def _unedited(self, seed: int) -> Mapping[str, float]:
        """The values of the face of a seed as it is."""
        return self.draw(seed, {}).values

    def own_values(self, seed: int) -> tuple[int, ...]:
        """What the sliders show while the face of a seed is unedited."""
        return tuple(round(self.unedited(seed)[name]) for name in self.attributes)

    def _reach(self, seed: int, name: str) -> tuple[float, float]:
        """The least and the greatest value that a slider alone can bring the face of a seed to."""
        low, high = self.editor.reach(self.editor.latents(seed), name)[0].tolist()
        return low, high

    def shortfall(self, seed: int, targets: Mapping[str, float], values: Mapping[str, float]) -> str:
        """Say what was reached where it is not what was asked; nothing if every target was met."""
        parts = []
        for name, target in targets.items():
            if abs(values[name] - target) > TOLERANCE:
                low, high = self.reach(seed, name)
                parts.append(f"{LABELS[name]} {values[name]:.0f} (can show {low:.0f} to {high:.0f})")
        return f"As far as this face goes: {', '.join(parts)}." if parts else ""

    def targets(self, seed: int, sliders: Sequence[object]) -> dict[str, float]:
        """What is asked of a face: the sliders that do not show its own value."""
        rows = zip(self.attributes, self.own_values(seed), map(as_value, sliders), strict=True)
        return {name: value for name, own, value in rows if value is not None and value != own}

    def show(
        self, seed: object, resets: object, sliders_seed: object, sliders_resets: object, *sliders: object
    ) -> list[Any]:
        """Answer the page: picture, remark, what changed, sliders, and the face that the sliders belong to.

        Sliders that belong to another face, or to this one before a reset, are set to its own values; of
        those that belong to it, the moved ones are asked of it. A seed that is none leaves the face.
        """
        asked = as_seed(seed)
        current = asked if asked is not None else as_seed(sliders_seed) or 0
        same = current == sliders_seed and resets == sliders_resets
        targets = self.targets(current, sliders) if same else {}
        face = self.draw(current, targets)
        remark = self.shortfall(current, targets, face.values)
        if asked is None:
            remark = f"{SEED_RULE} This is still face {current}."
        positions = [gr.skip() for _ in sliders] if same else self.own_values(current)
        changes = _changes(self.unedited(current), face.values, targets)
        return [face.picture, _remark(remark), changes, *positions, current, resets]

    def generate(self, seed: object, attributes: object = None) -> Image.Image:
        """Draw a synthetic face.

        Args:
            seed: a whole number from 0 to 4294967295.
            attributes: what to change, as values from 0 to 100 by attribute: {"Smiling": 90}.
        """
        number = as_seed(seed)
        if number is None:
            raise gr.Error(f"{SEED_RULE} This is none: {str(seed)[:40]!r}.", print_exception=False)
        if not isinstance(attributes, Mapping | None):
            raise gr.Error('Attributes are values by name, such as {"Smiling": 90}.', print_exception=False)
        try:
            return self.editor.render(number, attributes, size=PICTURE_SIZE)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error


def as_seed(given: object) -> int | None:
    """Read a seed that a visitor gave; None if it is none."""
    number = as_number(given)
    return int(number) if number is not None and number == int(number) and 0 <= number <= MAX_SEED else None


def as_value(given: object) -> float | None:
    """Read a slider's value, drawn into 0 to 100; None if it is no number."""
    number = as_number(given)
    return None if number is None else min(max(number, 0), 100)


def as_number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return None if isinstance(given, float) and not math.isfinite(given) else given


# Page ---------------------------------------------------------------------------------------------

# These run in the browser, so that no click is lost however fast they come.
_RANDOM_SEED = "() => crypto.getRandomValues(new Uint32Array(1))[0]"
_NEXT_SEED = f"(seed) => seed >= 0 && seed < {MAX_SEED} ? Math.floor(seed) + 1 : 0"
_PREVIOUS_SEED = f"(seed) => seed >= 1 && seed <= {MAX_SEED} ? Math.ceil(seed) - 1 : {MAX_SEED}"
_ADD_ONE = "(count) => count + 1"


def build_demo(editor: Editor, notice: str = "") -> gr.Blocks:
    """Lay the page out and wire it; `notice`, if any, is shown above the face."""
    faces = Faces(editor)
    demo: gr.Blocks
    with gr.Blocks(title="Expressions", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gr.HTML(f"<h1>Expressions</h1><p>{SYNTHETIC}</p>", elem_id="head")
        if notice:
            gr.HTML(f'<p role="alert">{html.escape(notice)}</p>', elem_id="notice")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="portrait", min_width=300):
                picture = _picture()
                remark = gr.HTML(_remark(""), elem_id="remark")
            with gr.Column(elem_id="controls", min_width=300):
                with gr.Row(elem_id="seeds"):
                    seed = gr.Number(FIRST_SEED, label="Seed", minimum=0, maximum=MAX_SEED, min_width=140, scale=2)
                    previous = gr.Button("Previous", min_width=84)
                    following = gr.Button("Next", min_width=84)
                    random = gr.Button("Random", variant="primary", min_width=84)
                    reset = gr.Button("Reset", min_width=84)
                with gr.Row(elem_id="sliders"):
                    sliders = _sliders(faces.attributes)
                gr.HTML(f"<p>{SCALE}</p>", elem_id="scale")
                with gr.Accordion("What changed", open=False, elem_id="changes"):
                    changes = gr.HTML()
        resets = gr.Number(0, visible="hidden", label="Resets")
        sliders_seed = gr.Number(-1, visible="hidden", label="Seed that the sliders belong to")
        sliders_resets = gr.Number(0, visible="hidden", label="Resets when they were set")

        previous.click(None, seed, seed, js=_PREVIOUS_SEED, api_visibility="private")
        following.click(None, seed, seed, js=_NEXT_SEED, api_visibility="private")
        random.click(None, None, seed, js=_RANDOM_SEED, api_visibility="private")
        reset.click(None, resets, resets, js=_ADD_ONE, api_visibility="private")
        gr.on(
            [demo.load, seed.change, resets.change, *(s.input for s in sliders), *(s.release for s in sliders)],
            faces.show,
            [seed, resets, sliders_seed, sliders_resets, *sliders],
            [picture, remark, changes, *sliders, sliders_seed, sliders_resets],
            preprocess=False,  # a component that rejects a value raises, and the values after it are lost
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_id="editor",
            api_visibility="private",
        )
        with gr.Row(visible=False):
            _add_endpoint(faces)
    return demo


def _picture() -> gr.Image:
    return gr.Image(
        format="png",
        alt_text="The synthetic face of this seed, as the sliders ask",
        show_label=False,
        container=False,
        interactive=False,
        buttons=[],
        elem_id="face",
    )


def _sliders(attributes: Sequence[str]) -> list[gr.Slider]:
    """The sliders, in groups, in the order of `attributes`."""
    sliders = []
    for title, group in GROUPS.items():
        controls = [control for control in group if control.attribute in attributes]
        if not controls:
            continue
        with gr.Column(elem_classes="group", min_width=260):
            gr.HTML(f"<h2>{title}</h2>")
            sliders += [
                gr.Slider(0, 100, 50, step=1, label=control.label, info=control.info, buttons=[])
                for control in controls
            ]
    return sliders


def _remark(text: str) -> str:
    return f'<p role="status">{text}</p>'


def _changes(before: Mapping[str, float], after: Mapping[str, float], asked: Collection[str]) -> str:
    """Every attribute's value before and after, what was asked for first, then the largest change."""
    free = frozenset[str]().union(*(COUPLED.get(name, ()) for name in asked)).difference(asked)
    names = sorted(after, key=lambda name: (name not in asked, -abs(after[name] - before[name])))
    rows = "".join(
        f"<tr{' class=asked' if name in asked else ''}><th scope=row>{LABELS.get(name, name.replace('_', ' '))}"
        f"{' <small>may go along</small>' if name in free else ''}</th>"
        f"<td>{before[name]:.0f}</td><td>{after[name]:.0f}</td>"
        f"<td>{_signed(round(after[name]) - round(before[name]))}</td></tr>"
        for name in names
    )
    head = "".join(f"<th scope=col>{title}</th>" for title in ("Attribute", "Before", "Now", "Change"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _signed(change: int) -> str:
    return f"{change:+d}".replace("-", "\N{MINUS SIGN}") if change else "0"


def _add_endpoint(faces: Faces) -> None:
    """Let programs ask for a face: /generate takes a seed, and values for any of the editor's attributes."""
    inputs = [gr.Number(FIRST_SEED, precision=0, label="seed"), gr.JSON({}, label="attributes")]
    gr.Button("Generate").click(
        faces.generate,
        inputs,
        gr.Image(format="png", label="picture"),
        preprocess=False,
        concurrency_id="editor",
        api_name="generate",
    )


# Start --------------------------------------------------------------------------------------------

_THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="stone",
    radius_size="lg",
    font=("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"),
    font_mono=("ui-monospace", "Consolas", "monospace"),
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="#171513",
    background_fill_primary_dark="#171513",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_background_fill="transparent",
    block_background_fill_dark="transparent",
    block_border_width="0px",
    block_border_width_dark="0px",
    block_padding="0",
    block_title_text_color="*body_text_color",
    block_title_text_color_dark="*body_text_color",
    block_title_text_weight="500",
    block_info_text_color="*body_text_color_subdued",
    block_info_text_color_dark="*body_text_color_subdued",
    input_background_fill="white",
    input_background_fill_dark="*neutral_900",
    input_border_color="*neutral_400",
    input_border_color_dark="*neutral_600",
    input_border_width="1px",
    slider_color="*primary_600",
    slider_color_dark="*primary_500",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_text_color="white",
    button_secondary_background_fill="white",
    button_secondary_background_fill_hover="*neutral_100",
    button_secondary_background_fill_dark="*neutral_800",
    button_secondary_background_fill_hover_dark="*neutral_700",
    button_secondary_border_color="*neutral_300",
    button_secondary_border_color_dark="*neutral_600",
    button_border_width="1px",
)
_CSS = """
.gradio-container { overflow: clip; }
.gradio-container .main.app { max-width: 1200px; padding: 16px clamp(12px, 3vw, 32px); }
#head .prose { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 16px; }
#head h1 { margin: 0; font-size: 24px; font-weight: 650; letter-spacing: -0.01em; }
#head p { margin: 0; font-size: 15px; color: var(--body-text-color-subdued); }
#notice p {
    margin: 0; padding: 10px 14px; border-left: 4px solid #b45309; border-radius: 6px;
    background: #fef3c7; color: #451a03;
}
#page { gap: 16px 40px; align-items: flex-start; }
#portrait {
    position: sticky; top: 0; z-index: 100; flex: 1 1 460px; gap: 8px; padding: 8px 0;
    background: var(--body-background-fill);
}
#face { aspect-ratio: 1; }
#face, #face .image-container, #face button, #face .image-frame { width: 100%; height: auto; }
#face button { cursor: default; }
#face img { display: block; width: 100%; height: auto; aspect-ratio: 1; border-radius: 14px; }
#remark p { min-height: 1.4em; margin: 0; font-size: 14px; line-height: 1.4; }
#controls { flex: 1 1 560px; gap: 20px; padding-top: 8px; }
#seeds { align-items: flex-end; gap: 8px; }
#seeds .form { border: 0; box-shadow: none; background: none; }
#seeds input { height: 42px; font-variant-numeric: tabular-nums; }
#seeds button { height: 42px; padding: 0 12px; font-size: 15px; font-weight: 500; }
#sliders { --track: var(--border-color-primary); display: block; columns: 2 250px; column-gap: 36px; }
#sliders .group { break-inside: avoid; gap: 8px; padding-bottom: 18px; }
#sliders .form { gap: 10px; border: 0; box-shadow: none; background: none; overflow: visible; }
#sliders .form > .block { overflow: visible !important; }
#sliders h2 {
    margin: 0; padding-bottom: 4px; border-bottom: 1px solid var(--border-color-primary);
    font-size: 13px; font-weight: 600; letter-spacing: 0.04em; color: var(--body-text-color-subdued);
}
#sliders .head { flex-wrap: nowrap; gap: 12px; margin: 0; }
#sliders .head [data-testid=block-info] { margin: 0; font-size: 15px; }
#sliders .head .info-text, #sliders .head .info-text * { margin: 0; font-size: 12px; line-height: 1.3; }
#sliders .tab-like-container { margin: 0; }
#sliders input[type=number] { min-width: 58px; width: 58px; font-variant-numeric: tabular-nums; }
#sliders .min_value, #sliders .max_value { display: none; }
#sliders input[type=range] { height: 24px; }
#sliders input[type=range]::-webkit-slider-runnable-track {
    background: linear-gradient(90deg, var(--slider-color) var(--range_progress), var(--track) var(--range_progress));
}
#sliders input[type=range]::-moz-range-track { background: var(--track); }
#sliders input[type=range]::-webkit-slider-thumb { box-shadow: 0 0 0 2px var(--slider-color); }
#sliders input[type=range]::-moz-range-thumb { box-shadow: 0 0 0 2px var(--slider-color); }
#scale p { margin: 0; max-width: 62ch; font-size: 14px; line-height: 1.5; color: var(--body-text-color-subdued); }
#changes { border-top: 1px solid var(--border-color-primary); border-radius: 0; }
#changes table { width: 100%; max-width: 480px; border-collapse: collapse; font-size: 14px; }
#changes th, #changes td {
    padding: 4px 8px; border: 0; border-bottom: 1px solid var(--border-color-primary); text-align: right;
    font-weight: 400; font-variant-numeric: tabular-nums;
}
#changes th:first-child { text-align: start; }
#changes thead th, #changes .asked th { font-weight: 600; }
#changes small { font-size: 12px; color: var(--body-text-color-subdued); }
.gradio-container :is(button, a, input):focus-visible {
    outline: 3px solid var(--primary-500) !important; outline-offset: 2px;
}
#sliders input[type=range]:focus-visible { outline-offset: -1px; }
@media (max-width: 860px) {
    #portrait, #controls { flex: 1 1 100%; }
    #portrait { box-shadow: 0 0 0 32px var(--body-background-fill); clip-path: inset(0 -32px); }
    #remark p { height: 2.8em; overflow-y: auto; }
    #controls :is(input, button) { scroll-margin: calc(min(100vw, 512px) + 120px) 0 24px; }
    #seeds .form { flex: 1 1 100% !important; }
    #seeds button { flex: 1 1 0; min-width: 0 !important; padding: 0 6px; }
    #face { max-width: 512px; margin: 0 auto; }
    #sliders input[type=range] { height: 32px; }
}
footer .divider { display: none; }
@media (max-height: 620px) {
    #portrait { position: static; }
    #controls :is(input, button) { scroll-margin: 24px 0; }
}
@media (prefers-reduced-motion: reduce) {
    *, ::before, ::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
"""
LAUNCH_KWARGS: dict[str, Any] = {
    "theme": _THEME,
    "css": _CSS,
    "ssr_mode": False,
    "run_history": False,
    "enable_monitoring": False,
    "pwa": False,
    "footer_links": ["api"],
}


def load_editor() -> tuple[Editor, str]:
    """Load the weights named by EXPRESSIONS_MODEL, a folder or a Hub id, at EXPRESSIONS_REVISION.

    Returns:
        The editor, and what the visitor must be told: nothing, or that the embedded weights stepped in.
    """
    source = os.environ.get("EXPRESSIONS_MODEL")
    if not source:
        return Editor.from_pretrained(), ""
    try:
        return Editor.from_pretrained(source, revision=os.environ.get("EXPRESSIONS_REVISION") or None), ""
    except WeightsError as error:
        logger.warning("EXPRESSIONS_MODEL: %s. The embedded weights are used instead.", error)
        return Editor.from_pretrained(), FALLBACK_NOTICE


def main() -> None:
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    torch.set_num_threads(1)  # one picture at a time is faster on one
    build_demo(*load_editor()).launch(**LAUNCH_KWARGS)


if __name__ == "__main__":
    main()
