"""The page: a synthetic face, its seed, and sliders that start at the values measured in it."""

import functools
import html
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import torch

from expressions import Editor, WeightsError
from expressions.demo import views
from expressions.demo.about import ABOUT, quality
from expressions.demo.api import Programs, add_endpoints
from expressions.demo.controls import GROUPS, LABELS
from expressions.demo.faces import Faces
from expressions.demo.page import SIZES, Page
from expressions.demo.state import FIRST_SEED, VIEWS, State
from expressions.demo.theme import CSS, HEAD, THEME
from expressions.latents import MAX_SEED

logger = logging.getLogger("expressions.app")

SYNTHETIC = "This face is synthetic: no such person exists."
SCALE = (
    "Sliders start at the values measured in this face, where the mark stays; one that you move shows what you ask "
    "for. 0 is the lowest 1 % of random faces, 100 the highest 1 %. What the edited picture measures is under "
    "'What changed'; where it falls short, a line under the picture says so."
)
KEYS = (
    "Keys: N next, P previous, R random, S surprise, B back, F forward, 0 reset. "
    '<label><input type="checkbox" id="shortcuts" checked> Keyboard shortcuts</label>'
)
RESTORE = (
    "<p>Every download says in its metadata that it is synthetic, and how to make it again.</p>"
    '<label>Open one, or drop it on the page: <input type="file" accept="image/png,image/webp"></label>'
)
FALLBACK_NOTICE = (
    "The weights named by EXPRESSIONS_MODEL could not be loaded. "
    "These faces come from the embedded weights; the log says why."
)
WORKERS = 2  # that answer visitors at once, one thread each
WAITING = 200  # for an answer, visitors and programs together; the next one is told so
SESSIONS = 500  # that Gradio remembers, at a quarter of a megabyte; none holds anything of ours


def build_demo(editor: Editor, notice: str = "") -> gr.Blocks:
    """Lay the page out and wire it; `notice`, if any, is shown above the face."""
    faces = Faces(editor)
    page = Page(faces)
    demo: gr.Blocks
    with gr.Blocks(title="Expressions", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gr.HTML(f"<h1>Expressions</h1><p>{SYNTHETIC}</p>", elem_id="head")
        if notice:
            gr.HTML(f'<p role="alert">{html.escape(notice)}</p>', elem_id="notice")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="portrait", min_width=300):
                choices = [(label, name) for name, label in VIEWS.items()]
                view = gr.Radio(choices, value="face", label="View", elem_id="view")
                stage = gr.HTML(views.stage(faces, page.first), elem_id="face")  # painted before anything is asked
                remark = gr.HTML(elem_id="remark")
                reach = gr.HTML(elem_id="reach")
                options = [view, *_view_options(page.first, faces.attributes)]
            with gr.Column(elem_id="controls", min_width=300):
                seed, openers = _seeds()
                with gr.Row(elem_id="sliders"):
                    sliders = _sliders(faces.own_values(page.first.seed))
                gr.HTML(f"<p>{SCALE}</p><p>{KEYS}</p>", elem_id="scale")
                with gr.Accordion("What changed", open=False, elem_classes="fold", elem_id="changes"):
                    changes = gr.HTML()
                with gr.Accordion("Save and share", open=False, elem_classes="fold", elem_id="share"):
                    downloads, copiers = _sharing()
        with gr.Accordion("How good is it?", open=False, elem_classes="fold text", elem_id="quality"):
            gr.HTML(quality(faces.weights))
        with gr.Accordion("About", open=False, elem_classes="fold text", elem_id="about"):
            gr.HTML(ABOUT)
        asked, answered, link, file = (
            gr.Textbox(visible="hidden", label=label) for label in ("Asked", "Answered", "Link", "File")
        )
        marks = gr.HTML(views.marks(faces.own_values(page.first.seed)), elem_id="marks")
        openers["pending"] = gr.Button("Open", visible="hidden", elem_id="open")
        resting = gr.Button("Rest", visible="hidden", elem_id="rest")

        requests = [(demo.load, "load"), (seed.input, "typed"), (resting.click, "rest")]
        requests += [(button.click, name) for name, button in openers.items()]
        requests += [(option.input, "rest") for option in options]
        for event, name in requests:
            event(None, [asked, seed, answered], [asked, seed], js=_script(name), api_visibility="private")
        for name, button in copiers.items():
            button.click(None, link, js=_script(name), api_visibility="private")
        quiet: dict[str, Any] = {
            "preprocess": False,  # a component that rejects a value raises, and the values after it are lost
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        queued: dict[str, Any] = {**quiet, "concurrency_id": "visitors", "concurrency_limit": WORKERS}
        shown: list[Any] = [asked, answered, *options, *sliders]
        asked.change(
            page.answer,
            shown,
            [stage, remark, changes, marks, link, answered, *options, *sliders],
            trigger_mode="always_last",
            **queued,
        ).failure(None, js=_script("reveal"), api_visibility="private")
        answered.change(None, [link, answered], js=_script("remember"), api_visibility="private")
        drags = [slider.input for slider in sliders]  # a draft goes around the queue: one request instead of two
        gr.on(drags, page.draft, shown, stage, trigger_mode="always_last", queue=False, **quiet)
        stage.change(None, js=_script("settle"), api_visibility="private")
        remark.change(page.explain, [answered, *sliders], reach, **queued)
        for size, button in downloads.items():
            button.click(functools.partial(page.download, size), [answered, *sliders], file, **queued).success(
                None, file, js=_script("save"), api_visibility="private"
            )
        with gr.Row(visible=False):
            add_endpoints(Programs(faces))
    return demo.queue(max_size=WAITING)


def _script(name: str) -> str:
    """A function of page.js, as Gradio calls it: in the browser, so that no click is lost however fast they come."""
    return f"(...values) => expressions.{name}(...values)"


def _view_options(start: State, attributes: Sequence[str]) -> list[Any]:
    """What the views of several faces go over: the style sheet shows those of the view at hand."""
    choices = [(LABELS[name], name) for name in attributes]
    with gr.Row(elem_id="options"):
        return [
            gr.Dropdown(choices, value=start.strip, label="Filmstrip of", elem_id="strip"),
            gr.Dropdown(choices, value=start.across, label="To the right", elem_id="across"),
            gr.Dropdown(choices, value=start.down, label="Upwards", elem_id="down"),
            gr.Number(start.to, label="Morph to seed", minimum=0, maximum=MAX_SEED, elem_id="to"),
        ]


def _seeds() -> tuple[gr.Number, dict[str, gr.Button]]:
    """The seed, and the buttons that open another face, by their function in page.js."""
    with gr.Row(elem_id="seeds"):
        seed = gr.Number(FIRST_SEED, label="Seed", minimum=0, maximum=MAX_SEED, min_width=140, scale=2)
        names = ("Previous", "Next", "Random", "Surprise me", "Back", "Forward", "Reset")
        ids = [name.split()[0].lower() for name in names]
        buttons = [
            gr.Button(name, min_width=84, elem_id=elem_id, variant="primary" if name == "Random" else "secondary")
            for name, elem_id in zip(names, ids, strict=True)
        ]
    return seed, dict(zip(ids, buttons, strict=True))


def _sliders(values: Mapping[str, int]) -> list[gr.Slider]:
    """The sliders, in groups, in the order of their `values`, each with a button that sets it back."""
    sliders = []
    for title, group in GROUPS.items():
        controls = [control for control in group if control.attribute in values]
        if not controls:
            continue
        with gr.Column(elem_classes="group", min_width=260):
            gr.HTML(f"<h2>{title}</h2>")
            for control in controls:
                name = control.attribute
                with gr.Row(elem_classes="line"):
                    looks: dict[str, Any] = {"label": control.label, "info": control.info, "elem_id": f"slider-{name}"}
                    sliders.append(gr.Slider(0, 100, values[name], step=1, buttons=[], **looks))
                    undo = gr.Button(f"Reset {control.label}", elem_classes="undo", min_width=24, scale=0)
                    undo.click(None, js=f"() => expressions.resetSlider('{name}')", api_visibility="private")
    return sliders


def _sharing() -> tuple[dict[int, gr.Button], dict[str, gr.Button]]:
    """Buttons that save the face, by size, and that copy something, by their function in page.js."""
    with gr.Row():
        downloads = {size: gr.Button(f"PNG, {size} pixels", min_width=120) for size in SIZES}
    with gr.Row():
        copiers = {
            "copyLink": gr.Button("Copy link", elem_id="copy-link", min_width=120),
            "copyEmbed": gr.Button("Copy embed code", elem_id="copy-embed", min_width=120),
        }
    gr.HTML(RESTORE, elem_id="restore")
    return downloads, copiers


# Start --------------------------------------------------------------------------------------------

LAUNCH_KWARGS: dict[str, Any] = {
    "theme": THEME,
    "css": CSS,
    "head": HEAD,
    "mcp_server": True,
    "ssr_mode": False,
    "run_history": False,
    "enable_monitoring": False,
    "pwa": False,
    "footer_links": ["api"],
    "max_file_size": "1mb",
    "state_session_capacity": SESSIONS,
}


def load_editor() -> tuple[Editor, str]:
    """Load the weights named by EXPRESSIONS_MODEL: a folder, or a Hub id at EXPRESSIONS_REVISION.

    Returns:
        The editor, and what the visitor must be told: nothing, or that the embedded weights stepped in.
    """
    source = os.environ.get("EXPRESSIONS_MODEL")
    if not source:
        if os.environ.get("EXPRESSIONS_REVISION"):
            logger.warning("EXPRESSIONS_REVISION pins the weights that EXPRESSIONS_MODEL names: it names none.")
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
