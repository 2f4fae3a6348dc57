"""What a page of docs/ shows a reader to type or to save, word for word."""

import re

from .stack import ROOT


def read(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(name, section=None):
    """(language, text) of each fenced block, in order: of the page, or of the section whose heading begins so."""
    text = read(name)
    if section is not None:
        text, = (part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(section))
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def programs(name, language):
    """The fenced blocks of that language, in order."""
    return [text for each, text in blocks(name) if each == language]


def save(text, path):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path
