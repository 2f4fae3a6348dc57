"""All pages: what they name is there."""

import json
import re

import pytest
import yaml

from support.stack import ROOT

PAGES = sorted(str(page.relative_to(ROOT)) for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_files_that_are_there(page):
    text = (ROOT / page).read_text()
    names = re.findall(r"(?:^|[\s`(])((?:src|tests|scripts|docs|nginx|cgi-bin)/[\w./-]*|schema\.sql|LICENSE)", text)
    for name in names:
        assert (ROOT / name.rstrip(".")).exists(), f"{page} names {name}"


@pytest.mark.parametrize("page", PAGES)
def test_pages_link_to_pages_that_are_there(page):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


def test_the_readme_shows_the_answer_of_zoom_tokens_with_all_its_fields():
    shown = json.loads(re.search(r'^    (\{"join_flow":.*?\})$', (ROOT / "README.md").read_text(),
                                 re.MULTILINE | re.DOTALL)[1])
    described = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())["components"]["schemas"]["ZoomTokens"]
    assert set(shown) == set(described["required"]) == set(described["properties"])
