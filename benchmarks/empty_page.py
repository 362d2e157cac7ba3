"""A page whose handler does nothing: what Gradio alone costs. One slider, one picture, wired as those of app.py.

    python -m benchmarks.empty_page ONE.html OTHER.html [direct]

An even value answers with one of the two stored pictures, an odd one with the other: through the queue, as is Gradio's
default, or directly, around it. GRADIO_SERVER_PORT is the port.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import gradio as gr


def build_page(pictures: Sequence[str], queue: bool) -> gr.Blocks:
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
            queue=queue,
        )
    return page


if __name__ == "__main__":
    one, other, *direct = sys.argv[1:]
    stored = [Path(one).read_text(), Path(other).read_text()]
    build_page(stored, queue=not direct).launch(ssr_mode=False, run_history=False, enable_monitoring=False, pwa=False)
