"""How weights and the page get to the Hugging Face Hub."""

from .hub import PublishError
from .space import publish_space
from .static_space import publish_site
from .weights import publish

__all__ = ["PublishError", "publish", "publish_site", "publish_space"]
