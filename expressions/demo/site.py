"""The page as a folder of files, for hosts that run nothing: the visitor's browser draws every face."""

import json
import shutil
from pathlib import Path
from string import Template

from ..editor import Editor
from .engine_files import EngineFiles
from .faces import FaceCache
from .layout import head, markup, opening

_PAGE = Template((Path(__file__).parent / "site.html").read_text(encoding="utf-8"))
_INDEX = "index.html"


def export_site(editor: Editor, folder: Path) -> None:
    """Write the page of an editor, with the same markup and scripts as Gradio's. An earlier one in the folder goes.

    Raises:
        ValueError: the folder holds other files.
        OSError: it cannot be written to.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _INDEX).is_file():
        raise ValueError(f"{folder} holds other files than a page of faces: choose an empty folder, or a new one")
    engine, faces = EngineFiles(editor), FaceCache(editor)
    shutil.rmtree(folder / engine.FOLDER, ignore_errors=True)
    for name in engine.names:
        path = folder / engine.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(engine.read(name))
    start = json.dumps(opening(faces, engine.url)).replace("<", "\\u003c")  # nothing in it ends the script
    page = _PAGE.substitute(head=head(), markup=markup(faces), opening=start)
    (folder / _INDEX).write_text(page, encoding="utf-8")
