"""What a page of docs/ shows a reader to type or to save, word for word."""

import re

from .stack import ROOT


def read(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def programs(name, language):
    """The fenced blocks of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)


def save(text, path):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path
