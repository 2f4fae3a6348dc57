"""Somebody at a shell who types what a page shows, and looks whether it prints what the page says it does."""

import re
import subprocess

from machine import NAMESPACES, PATH
from support.page import blocks
from support.waiting import wait_until

VARIABLE = re.compile(r"([A-Z_]+)='[^' ]*'(?: +# .*)?")
BLOCK_TIMEOUT_S = 1200  # packages that are fetched, and a compiler on a machine that has other things to do
END = "--- done ---"


def variables_of(text):
    """Names of a block in which the reader puts their own values, one a line; None for any other block."""
    matches = [VARIABLE.fullmatch(line) for line in text.splitlines()]
    return [match[1] for match in matches] if all(matches) else None


def pattern_of(expected):
    """`…` is anything within a line, and, as a line of its own, any lines or none."""
    parts = (r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
             for line in expected.splitlines())
    return re.compile("".join(parts))


class Reader:
    """root of the machine, who has just logged in, with `settings` in the environment. `values` are what is theirs:
    texts by name, or functions that are called with this when the page asks. What is printed is in the file `terminal`.
    """

    def __init__(self, machine, terminal, values, settings):
        self.terminal, self.values = terminal, dict(values)
        self.output, self.printed = "", ""  # of the last block, and of all
        environment = {"HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb", "PATH": PATH} | settings
        with open(terminal, "wb") as file:
            # Whatever fails, which whoever types would see, ends this shell.
            self.shell = subprocess.Popen(
                ["nsenter", "--target", str(machine.init), *NAMESPACES, "env", "-i",
                 *(f"{name}={value}" for name, value in environment.items()), "bash", "-e"],
                stdin=subprocess.PIPE, stdout=file, stderr=file, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.kill()
        self.shell.communicate()

    def follow(self, page, section):
        for language, text in blocks(page, section):
            if language != "sh":
                self.compare(text)
            elif names := variables_of(text):
                for name in names:
                    self.set(name)
            else:
                self.type(text)

    def set(self, name):
        """A page asks for each once."""
        value = self.values.pop(name)
        self.send(f"{name}='{value(self) if callable(value) else value}'\n")

    def type(self, text):
        """Nothing that it runs may read what is typed after it."""
        before = len(self.read())
        self.send(f"{{\n{text}}} </dev/null\necho '{END}'\n")
        wait_until(lambda: self.read()[before:].endswith(f"{END}\n") or self.shell.poll() is not None,
                   timeout=BLOCK_TIMEOUT_S, what=text)
        self.output = self.read()[before:].removesuffix(f"{END}\n")
        self.printed += self.output
        assert self.shell.poll() is None, f"{text}\nfailed:\n{self.output}"

    def send(self, text):
        self.shell.stdin.write(text)
        self.shell.stdin.flush()

    def read(self):
        return self.terminal.read_text(encoding="utf-8", errors="replace")

    def compare(self, expected):
        assert pattern_of(expected).fullmatch(self.output), f"{expected}\nit says, but there was:\n{self.output}"
