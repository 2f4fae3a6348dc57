"""docs/bot-engines.md: its addresses, outcomes and commands are the product's."""

import json
import os
import re
import subprocess

import pytest

from support.stack import ROOT
from support.token_callback import TokenCallback

PAGE = (ROOT / "docs/bot-engines.md").read_text(encoding="utf-8")
SECTIONS = {"attendee": "Attendee", "recall": "Recall.ai", "meeting_baas": "Meeting BaaS", "meetstream": "MeetStream"}
ADDRESS = re.compile(r'"(\w+)": "https://bots\.example\.com(/callbacks/)…(/[\w/]+)')


def section(title):
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title):
    """The cells of each row of the section's last table, as the words in backquotes of each."""
    table = section(title).rsplit("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]


def run(command, **environment):
    """A command of the page, the first that is indented and begins like that, to its JSON answer."""
    text = re.search(rf"^    ({command}(?:.*\n)(?:    .*\n)*)", PAGE, re.MULTILINE)[1]
    result = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60,
                            env={"PATH": os.environ["PATH"]} | environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("engine", SECTIONS)
def test_the_addresses_are_those_that_are_made(stack, api, engine):
    callback = TokenCallback(api, stack.anonymous, engine)
    assert [names for each, names in rows("Make the addresses") if each == [engine]] == [list(callback.urls)]
    shown = ADDRESS.findall(section(SECTIONS[engine]))
    assert shown
    for name, root, path in shown:
        assert callback.path(name) == root + callback.secret + path


def test_the_outcomes_are_those_that_the_product_tells():
    sources = "".join(file.read_text() for file in (ROOT / "src").rglob("*.c"))
    outcomes = [outcome for names, *_ in rows("When a bot has no token") for outcome in names]
    assert len(outcomes) > 10 and len(set(outcomes)) == len(outcomes)
    assert [outcome for outcome in outcomes if f'"{outcome}"' not in sources] == []


def test_the_commands_make_addresses_and_tell_how_they_were_used(stack, project):
    environment = {"HALLPASS": stack.url, "KEY": project.api.key}
    made = run("curl .*token_callbacks -H", **environment)
    assert (made["engine"], made["name"], len(made["urls"])) == ("recall", "production", 4)
    path = "/callbacks/" + made["urls"]["zak_url"].split("/callbacks/")[1]
    stack.secrets.add("callback secret", path.split("/")[2], in_answers=True)
    stack.anonymous.get(path).must_be(404)
    uses = run("curl .*/uses", ID=made["id"], **environment)["results"]
    assert [(use["address"], use["outcome"]) for use in uses] == [("zak_url", "meeting_not_named")]
