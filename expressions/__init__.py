"""Expressions: a DCGAN face generator whose sliders are measured."""

from .editor import Editor
from .errors import WeightsError

__all__ = ["Editor", "WeightsError"]
