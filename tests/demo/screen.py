"""What the demo prints: prose at the margin, commands indented, answers behind a bar."""

import json
import os
import shutil
import sys
import textwrap
from http import HTTPStatus

PROSE_WIDTH_MAX = 96
STYLES = {"title": "1;34", "bold": "1", "command": "36", "dim": "2", "good": "32", "bad": "33"}
TOKENS = {"app_privilege_token", "signature", "encryptedToken", "zoom_tokens_url"}


class NobodyReads(BaseException):
    """Whoever read what is printed has gone, as `head` does."""


class Screen:
    """In colour on a terminal, unless NO_COLOR is set; elsewhere plain text."""

    def __init__(self):
        sys.stdout.reconfigure(line_buffering=True, errors="replace")
        self.is_terminal = sys.stdout.isatty()
        self.is_coloured = (self.is_terminal and not os.environ.get("NO_COLOR")
                            and os.environ.get("TERM") != "dumb")
        self.prose_width = (min(PROSE_WIDTH_MAX, shutil.get_terminal_size().columns)
                            if self.is_terminal else PROSE_WIDTH_MAX)
        self.chapter_count = 0
        self.chapter_title = None
        self.is_at_gap = True

    def paint(self, style, text):
        return f"\033[{STYLES[style]}m{text}\033[0m" if self.is_coloured else text

    def print(self, line):
        try:
            print(line)
        except BrokenPipeError:
            # Python has the line still, and would complain once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise NobodyReads from None

    def gap(self):
        """One empty line, however much there is to set apart."""
        if not self.is_at_gap:
            self.print("")
        self.is_at_gap = True

    def put(self, line):
        self.print(line)
        self.is_at_gap = False

    def chapter(self, title):
        self.chapter_count += 1
        self.chapter_title = title
        self.gap()
        self.put(self.paint("title", f"{self.chapter_count}. {title}"))

    def say(self, text, style=None):
        for line in textwrap.wrap(" ".join(text.split()), self.prose_width, break_long_words=False,
                                  break_on_hyphens=False):
            self.put(self.paint(style, line) if style else line)

    def command(self, text):
        self.gap()
        for line in text.split("\n"):
            self.put("    " + self.paint("command", line))
        self.gap()

    def answer(self, *lines):
        for line in lines:
            self.put(f"  {self.paint('dim', '│')} {line}")

    def answer_status(self, status):
        self.answer(self.paint("good" if status < 400 else "bad",
                               f"{status} {HTTPStatus(status).phrase}"))

    def answer_json(self, value, fields=None):
        """`fields` are those that matter here; how many others there are is said."""
        if not isinstance(value, dict):
            self.answer(json.dumps(value, ensure_ascii=False))
            return
        shown = {name: value[name] for name in fields} if fields else value
        lines = self.json_fields(shown, "  ")
        if others := len(value) - len(shown):
            lines[-1] += ","
            lines.append("  " + self.paint("dim", f"… {others} more"))
        self.answer("{", *lines, "}")

    def json_fields(self, value, indent):
        lines = []
        for name, each in value.items():
            if lines:
                lines[-1] += ","
            key = indent + self.paint("dim", f'"{name}":')
            if isinstance(each, dict):
                lines += [f"{key} {{", *self.json_fields(each, indent + "  "), indent + "}"]
            else:
                each = shorten(each) if name in TOKENS and each else each
                lines.append(f"{key} {json.dumps(each, ensure_ascii=False)}")
        return lines


def shorten(token):
    return token[:min(16, len(token) // 2)] + "…"
