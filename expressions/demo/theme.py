"""How the page looks: Gradio's theme, the style sheet, and the scripts that go with them."""

from pathlib import Path
from typing import Any

import gradio as gr

_HERE = Path(__file__).parent
_SCRIPTS = ("inputs.js", "page.js")
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
    block_background_fill="transparent",
    block_background_fill_dark="transparent",
    block_border_width="0px",
    block_border_width_dark="0px",
    block_padding="0",
    block_title_text_color="*body_text_color",
    block_title_text_color_dark="*body_text_color",
    block_title_text_weight="500",
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
    button_secondary_background_fill="white",
    button_secondary_background_fill_hover="*neutral_100",
    button_secondary_background_fill_dark="*neutral_800",
    button_secondary_border_color="*neutral_300",
    button_border_width="1px",
)
LOOKS: dict[str, Any] = {
    "theme": _THEME,
    "css": (_HERE / "style.css").read_text(encoding="utf-8"),
    "head": "".join(f"<script>{(_HERE / name).read_text(encoding='utf-8')}</script>" for name in _SCRIPTS),
}
