"""Whether who types a page would notice that it is wrong."""

import pytest

from machine import is_possible, machine_in
from reader import Reader, pattern_of, variables_of


@pytest.mark.parametrize("expected, printed, is_it", [
    ("one\n", "one\n", True), ("one\n", "one\ntwo\n", False), ("one\ntwo\n", "one\n", False),
    ("key …\n", "key a b\n", True), ("key …\n", "the key a\n", False), ("a…c\n", "a\nc\n", False),
    ("…\nlast\n", "last\n", True), ("…\nlast\n", "one\ntwo\nlast\n", True), ("…\nlast\n", "last\none\n", False),
    ("{\n  …\n}\n", '{\n  "a": 1\n}\n', True), ("a.c\n", "abc\n", False)])
def test_what_is_printed_is_told_from_what_the_page_shows(expected, printed, is_it):
    assert bool(pattern_of(expected).fullmatch(printed)) == is_it


@pytest.mark.parametrize("text, names", [
    ("NAME='value'  # whose\nOTHER_NAME='…'\n", ["NAME", "OTHER_NAME"]), ("NAME='value'\nhallpass init\n", None),
    ("LINE='* * *'\n", None), ("KEY=$(hallpass project create)\n", None)])
def test_what_the_reader_fills_in_is_told_from_what_is_typed(text, names):
    assert variables_of(text) == names


@pytest.mark.skipif(not is_possible(), reason="no machine of its own may be made here")
def test_a_command_that_fails_is_the_end(tmp_path):
    with machine_in(tmp_path) as machine, Reader(machine, tmp_path / "terminal", {}, {}) as reader:
        reader.type("word=first\n")
        reader.type("cat; echo $word\n")
        assert reader.output == "first\n"
        with pytest.raises(AssertionError, match="no such thing"):
            reader.type("echo there is no such thing; false\necho not reached\n")
        assert "not reached" not in reader.output
