"""How weights and the page get to the Hugging Face Hub."""

from .hub import PublishError
from .space import publish_space
from .weights import publish

__all__ = ["PublishError", "publish", "publish_space"]
