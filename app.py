"""The page: a synthetic face, its seed, and sliders that start at the values measured in it."""

import logging
import os
import sys
from typing import Any

from expressions.demo import surroundings  # before Gradio, which reads them when it is imported

# isort: split
import gradio as gr
import torch

from expressions import Editor, WeightsError
from expressions.demo.api import Api, add_endpoints
from expressions.demo.engine_files import EngineFiles, EngineServer
from expressions.demo.faces import FaceCache
from expressions.demo.first_paint import FirstPaint
from expressions.demo.layout import markup, opening
from expressions.demo.page import Page, in_turn
from expressions.demo.tools import app_options
from expressions.demo.turns import Turns

logger = logging.getLogger("expressions.app")

FALLBACK_NOTICE = (
    "The weights named by EXPRESSIONS_MODEL could not be loaded. "
    "These faces come from the embedded weights; the log says why."
)
WORKERS = 2  # answers to visitors that are computed at once, each on one thread
WAITING = 200  # requests of visitors that wait, and of programs; the next one is told so
_FONTS: dict[str, Any] = {
    "font": ("ui-sans-serif", "system-ui", "sans-serif"),
    "font_mono": ("ui-monospace", "monospace"),
}
_AROUND = {
    "body_background_fill": "#fafaf9",
    "body_background_fill_dark": "#171513",
    "body_text_color_subdued": "#57534e",
    "block_padding": "0",
}


def build_demo(editor: Editor, engine: EngineFiles, notice: str = "") -> gr.Blocks:
    """The page, as a component that holds its markup and what its scripts start with, and the endpoints of programs.

    Args:
        editor: what draws the faces.
        engine: the files with which a browser draws them itself.
        notice: shown above the face, if any.
    """
    faces = FaceCache(editor)
    page = Page(faces)
    visitors, programs = Turns(WORKERS, WAITING), Turns(1, WAITING)  # visitors do not wait for programs
    with gr.Blocks(title="Expressions", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gr.HTML(
            opening(faces, engine.url),
            markup=markup(faces, notice),
            html_template="",  # gradio.js, which draws the page before Gradio does, moves it here
            js_on_load="expressions.mount(element, server)",
            server_functions=[in_turn(answer, visitors) for answer in (page.faces, page.morph, page.png)],
            apply_default_css=False,
            elem_id="component",
        )
        add_endpoints(Api(faces), programs)
    return demo.queue(max_size=WAITING)  # of programs


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


def launch(demo: gr.Blocks, engine: EngineFiles) -> None:
    """Serve the page, and the files with which a browser draws its faces, until it is stopped."""
    options = app_options(demo)
    options["middleware"] += [(FirstPaint, (), {}), (EngineServer, (), {"files": engine})]
    try:
        demo.launch(
            theme=gr.themes.Base(**_FONTS).set(**_AROUND),
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
        engine = EngineFiles(editor)
    demo = build_demo(editor, engine, notice)
    launch(demo, engine)
