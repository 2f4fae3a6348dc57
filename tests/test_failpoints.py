"""Failpoints are for the fault suite (tests/faults) alone: no program that is installed has any."""

import pytest

from support.stack import BUILD

PROGRAMS = sorted(path for folder in ("bin", "cgi-bin") for path in (BUILD / folder).iterdir())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_that_is_installed_looks_for_no_failpoint(program):
    content = program.read_bytes()
    assert b"failpoint.taken" not in content and b"failpoint.clock" not in content
