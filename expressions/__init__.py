"""Expressions: a DCGAN face generator whose sliders are measured."""

from .editor import Editor, WeightsError

__all__ = ["Editor", "WeightsError"]
