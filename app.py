"""The page: a synthetic face, its seed, and sliders that start at the values measured in it."""

import functools
import html
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expressions.demo import surroundings  # before Gradio, which reads them when it is imported

# isort: split
import gradio as gr
import torch

from expressions import Editor, WeightsError
from expressions.demo import views
from expressions.demo.about import ABOUT, RESTORE, SCALE, quality
from expressions.demo.api import Api, add_endpoints
from expressions.demo.controls import GROUPS, LABELS, source
from expressions.demo.faces import FaceCache
from expressions.demo.first_paint import FirstPaint
from expressions.demo.page import SIZES, Page
from expressions.demo.state import FIRST_SEED, VIEWS, State
from expressions.demo.theme import LOOKS
from expressions.demo.tools import app_options, with_two_queues
from expressions.latents import MAX_ATTEMPTS, MAX_SEED

logger = logging.getLogger("expressions.app")

FALLBACK_NOTICE = (
    "The weights named by EXPRESSIONS_MODEL could not be loaded. "
    "These faces come from the embedded weights; the log says why."
)
WORKERS = 2  # answers to visitors that are computed at once, each on one thread
WAITING = 200  # requests of visitors in their queue, and of programs in theirs; the next one is told that it is full


def build_demo(editor: Editor, notice: str = "") -> gr.Blocks:
    """Lay the page out and wire it; `notice`, if any, is shown above the face."""
    faces = FaceCache(editor)
    page = Page(faces)
    own = faces.own_values(page.first.seed)
    with gr.Blocks(title="Expressions", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gr.HTML("<h1>Expressions</h1><p>This face is synthetic: no such person exists.</p>", elem_id="head")
        if notice:
            gr.HTML(f'<p role="alert">{html.escape(notice)}</p>', elem_id="notice")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="portrait", min_width=300):
                choices = [(label, name) for name, label in VIEWS.items()]
                view = gr.Radio(choices, value="face", label="View", elem_id="view")
                stage = gr.HTML(views.stage(faces, page.first), elem_id="face")  # seen before the first answer
                remark = gr.HTML(elem_id="remark")
                reach = gr.HTML(elem_id="reach")
                options = [view, *_options(page.first, faces.attributes)]
            with gr.Column(elem_id="controls", min_width=300):
                (seed, openers), attempts = _seeds(), _attempts(editor)
                sliders = _sliders(own)
                gr.HTML(SCALE, elem_id="scale")
                with gr.Accordion("What changed", open=False, elem_classes="fold", elem_id="changes"):
                    changes = gr.HTML()
                downloads, scripts = _sharing()
        with gr.Accordion("How good is it?", open=False, elem_classes="fold text", elem_id="quality"):
            gr.HTML(quality(faces.weights))
        with gr.Accordion("About", open=False, elem_classes="fold text", elem_id="about"):
            gr.HTML(ABOUT)

        # Hidden: what page.js and the server tell each other.
        asked, answered, link, file = (
            gr.Textbox(visible="hidden", label=label) for label in ("Asked", "Answered", "Link", "File")
        )
        marks = gr.HTML(views.marks(own), elem_id="marks")
        scripts |= {name: openers.pop(name) for name in ("back", "forward")}
        openers |= {
            name: gr.Button(label, visible="hidden", elem_id=label.lower())
            for name, label in {"pending": "Open", "rest": "Rest"}.items()
        }

        # page.js turns every event that asks for a face into a request, in the box `asked`.
        requests = [(demo.load, "load"), (seed.input, "typed")]
        requests += [(button.click, name) for name, button in openers.items()]
        requests += [(option.input, "rest") for option in options] + [(attempts.input, "draw")]
        for event, name in requests:
            _run_script(event, name, [asked, seed, answered], [asked, seed])
        for name, button in scripts.items():
            _run_script(button.click, name, link)

        # The server answers the last request, and follows a drag with drafts.
        quiet: dict[str, Any] = {
            "preprocess": False,  # a component that rejects a value raises, and the values after it are lost
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        queued: dict[str, Any] = {**quiet, "concurrency_id": "visitors", "concurrency_limit": WORKERS}
        shown: list[Any] = [asked, answered, *options, attempts, *sliders]
        drawn: list[Any] = [stage, remark, changes, marks, link, answered, *options, attempts, *sliders]
        answering = asked.change(page.answer, shown, drawn, trigger_mode="always_last", **queued)
        _run_script(answering.failure, "miss", [seed, answered], seed)
        _run_script(answered.change, "remember", [link, answered])
        drags = [slider.input for slider in sliders]  # a draft goes around the queue: one request instead of two
        gr.on(drags, page.draft, shown, stage, trigger_mode="always_last", queue=False, **quiet)
        _run_script(stage.change, "settle")
        remark.change(page.explain, [answered, *sliders], reach, **queued)
        for size, button in downloads.items():
            saving = button.click(functools.partial(page.download, size), [answered, *sliders], file, **queued)
            _run_script(saving.success, "save", file)
        add_endpoints(Api(faces))
    return with_two_queues(demo.queue(), WAITING)


def _run_script(event: Callable[..., Any], name: str, inputs: Any = None, outputs: Any = None) -> None:
    """Call a function of page.js at an event: in the browser, so that no click is lost however fast they come."""
    event(None, inputs, outputs, js=f"(...values) => expressions.{name}(...values)", api_visibility="private")


def _options(start: State, attributes: Sequence[str]) -> list[Any]:
    """The options of the views of several faces; the style sheet shows those of the view at hand."""
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
        buttons = {}
        for label in ("Previous", "Next", "Random", "Surprise me", "Back", "Forward", "Reset"):
            name = label.split()[0].lower()
            looks: dict[str, Any] = {"variant": "primary" if name == "random" else "secondary", "min_width": 84}
            buttons[name] = gr.Button(label, elem_id=name, **looks)
    return seed, buttons


def _attempts(editor: Editor) -> gr.Radio:
    """The choice between sound faces and all that the generator draws, where the weights can tell."""
    choices = [("Realistic", MAX_ATTEMPTS), ("Varied", 1)]
    info = "Realistic: the first sound one of a seed's eight draws. Varied: its first, sound or broken."
    looks: dict[str, Any] = {"label": "Faces", "info": info, "visible": "hidden" if editor.chooser is None else True}
    return gr.Radio(choices, value=MAX_ATTEMPTS, elem_id="attempts", **looks)


def _sliders(values: Mapping[str, int]) -> list[gr.Slider]:
    """The sliders of these attributes, in groups."""
    sliders = []
    with gr.Row(elem_id="sliders"):
        for title, labels in GROUPS.items():
            names = [name for name in labels if name in values]
            if names:
                with gr.Column(elem_classes="group", min_width=260):
                    gr.HTML(f"<h2>{title}</h2>")
                    sliders += [_slider(name, values[name]) for name in names]
    return sliders


def _slider(name: str, value: int) -> gr.Slider:
    """One slider, with a button that sets it back."""
    looks: dict[str, Any] = {"label": LABELS[name], "info": source(name), "elem_id": f"slider-{name}"}
    with gr.Row(elem_classes="line"):
        slider = gr.Slider(0, 100, value, step=1, buttons=[], **looks)
        undo = gr.Button(f"Reset {LABELS[name]}", elem_classes="undo", min_width=24, scale=0)
        undo.click(None, js=f"() => expressions.resetSlider('{name}')", api_visibility="private")
    return slider


def _sharing() -> tuple[dict[int, gr.Button], dict[str, gr.Button]]:
    """The buttons that save the face, by size, and those that copy something, by their function in page.js."""
    with gr.Accordion("Save and share", open=False, elem_classes="fold", elem_id="share"):
        with gr.Row():
            downloads = {size: gr.Button(f"PNG, {size} pixels", min_width=120) for size in SIZES}
        with gr.Row():
            copiers = {
                "copyLink": gr.Button("Copy link", elem_id="copy-link", min_width=120),
                "copyEmbed": gr.Button("Copy embed code", elem_id="copy-embed", min_width=120),
            }
        gr.HTML("<label hidden>Copy this: <input readonly></label>", elem_id="by-hand")
        gr.HTML(RESTORE, elem_id="restore")
    return downloads, copiers


def load_editor() -> tuple[Editor, str]:
    """Load the weights named by EXPRESSIONS_MODEL: a folder, or a Hub id at EXPRESSIONS_REVISION.

    Returns:
        The editor, and what the visitor must be told: nothing, or that the embedded weights stepped in.
    """
    model, revision = (os.environ.get(f"EXPRESSIONS_{name}") or None for name in ("MODEL", "REVISION"))
    if model is None:
        if revision:
            logger.warning("EXPRESSIONS_REVISION pins the weights that EXPRESSIONS_MODEL names: it names none.")
        return Editor.from_pretrained(), ""
    try:
        with surroundings.using_proxies():
            return Editor.from_pretrained(model, revision=revision), ""
    except WeightsError as error:
        logger.warning("EXPRESSIONS_MODEL: %s. The embedded weights are used instead.", error)
        return Editor.from_pretrained(), FALLBACK_NOTICE


def launch(demo: gr.Blocks) -> None:
    """Serve the page until it is stopped."""
    options = app_options(demo, WAITING)
    options["middleware"].append((FirstPaint, (), {}))
    try:
        demo.launch(
            **LOOKS,
            app_kwargs=options,
            server_name=surroundings.IPV6_ADDRESS,
            mcp_server=True,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            pwa=False,
            footer_links=["api"],
            max_file_size="1mb",
            state_session_capacity=500,  # a quarter of a megabyte each, and nothing of ours in them
        )
    except (OSError, OverflowError):  # OverflowError: ports end at 65535
        sys.exit(surroundings.no_address())


if __name__ == "__main__":
    if gr.NO_RELOAD:  # `gradio app.py` runs what comes after this again, whenever a file has changed
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        torch.set_num_threads(1)  # one picture at a time is faster on one
        surroundings.prepare_to_serve()
        editor, notice = load_editor()
    demo = build_demo(editor, notice)
    launch(demo)
