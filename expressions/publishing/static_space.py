"""A Hugging Face Space that runs nothing: the exported page, whose faces the visitor's browser draws."""

from pathlib import Path

from huggingface_hub import SpaceCard, SpaceCardData

from .hub import PublishError, check_id, connect, create, failing_as
from .space import upload

_KEPT = (  # of the front matter
    *("title", "emoji", "colorFrom", "colorTo", "header", "short_description", "tags", "datasets"),
    *("license", "license_name", "license_link"),
)
_TEXT = "Faces are drawn in the visitor's browser: nothing runs on a server, and nothing is sent to one.\n"


def publish_site(site: Path, space_id: str, readme: Path, *, private: bool = False, token: str | None = None) -> str:
    """Push an exported page as a static Space, in one commit.

    Args:
        site: the folder that `export_site` wrote.
        space_id: owner/name; created if there is none. One that runs something is refused.
        readme: README.md of the checkout, whose front matter has the title and the licence.
        private: whether a new Space is private. A public one is refused, not hidden.
        token: as for `publish`.

    Returns:
        The address of the commit.

    Raises:
        PublishError: as for `publish`; or the Space is no static one.
    """
    with failing_as(f"cannot publish to the Space {space_id!r}"):
        check_id(space_id)
        files = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
        files["README.md"] = _card(readme).encode()
        api = connect(token)
        sdk = api.space_info(space_id).sdk if api.repo_exists(space_id, repo_type="space") else None
        if sdk not in (None, "static"):
            raise PublishError(f"it is there and runs {sdk}, which a page of files would take the place of")
        create(api, space_id, private, space_sdk="static")
        return upload(api, space_id, files, ("engine/",)).commit_url


def _card(readme: Path) -> str:
    """README.md of the Space: what it is called, and under which licence."""
    front_matter = SpaceCard.load(readme).data.to_dict()
    data = {name: front_matter[name] for name in _KEPT if name in front_matter}
    card = SpaceCardData(**data, sdk="static", app_file="index.html")
    return f"---\n{card.to_yaml()}\n---\n\n# {data['title']}\n\n{_TEXT}"
