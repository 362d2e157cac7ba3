"""Expressions: a DCGAN face generator whose sliders are measured."""

from .editor import Editor
from .errors import WeightsError

__version__ = "0.2.0"
__all__ = ["Editor", "WeightsError", "__version__"]
