"""Whether a figure is of its results: by content, whatever became of the files' times."""

import hashlib
from pathlib import Path

from PIL import Image

KEY = "lottery-content"  # of the text in a PNG file


def content_hash(source: Path) -> str:
    """Hash of a results file, of the tables beside it and of the code that draws them."""
    digest = hashlib.sha256()
    tables = [source, *sorted(source.parent.glob(f"{source.stem}-*.csv"))]
    for path in [*tables, *sorted(Path(__file__).parent.glob("*.py"))]:
        if path.is_file():
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def drawn_from(figure: Path) -> str:
    """The content that a figure was drawn from; empty where it does not say so, is not whole, or
    its PDF or SVG is of another."""
    try:
        with Image.open(figure) as image:
            image.load()
            content = str(image.info.get(KEY, ""))
        others = [figure.with_suffix(f".{kind}").read_bytes() for kind in ("pdf", "svg")]
        return content if all(content.encode() in other for other in others) else ""
    except (OSError, ValueError, SyntaxError):  # what a damaged PNG file comes to
        return ""
