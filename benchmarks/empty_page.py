"""A page whose handler does nothing: what Gradio alone costs. One slider, one picture.

    python -m benchmarks.empty_page ONE.html OTHER.html

An even value answers with one of the two stored pictures, an odd one with the other, around Gradio's queue.
GRADIO_SERVER_PORT is the port.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import gradio as gr


def build_page(pictures: Sequence[str]) -> gr.Blocks:
    page: gr.Blocks
    with gr.Blocks(title="Empty", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        face = gr.HTML(elem_id="face")
        slider = gr.Slider(0, 100, 50, step=1, label="Nothing", buttons=[])
        gr.on(
            [page.load, slider.input, slider.release],
            lambda value: pictures[round(value) % 2],
            slider,
            face,
            trigger_mode="always_last",
            show_progress="hidden",
            queue=False,
        )
    return page


if __name__ == "__main__":
    stored = [Path(name).read_text() for name in sys.argv[1:]]
    build_page(stored).launch(ssr_mode=False, run_history=False, enable_monitoring=False, pwa=False)
