"""
Faults: processes killed and stopped at every step, disks, clocks, locks and networks that fail.
`make faults` builds the programs with failpoints and runs all of it; `make test` runs what is
marked `short`.
"""

import pytest

from outcomes import Row, is_allowed, lines_of, rows_of
from support.failpoint import Failpoint
from support.joiner import make_joiner
from support.preload import slow_disk
from support.stack import BUILD

# Zoom gets so long for one call; a lease is 5 s longer.
TIMEOUT_MS = 2000

SYNC_MS = 5


def pytest_configure(config):
    config.addinivalue_line("markers", "short: part of `make test` too")


def pytest_sessionstart():
    if b"failpoint.go" not in (BUILD / "bin/hallpass-worker").read_bytes():
        pytest.exit(f"{BUILD} has no failpoints: run make faults", returncode=1)


def pytest_terminal_summary(terminalreporter):
    rows = rows_of(terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []))
    if not rows:
        return
    terminalreporter.section("kill points")
    for line in lines_of(rows):
        terminalreporter.write_line(line)
    wrong = [row for row in rows if not is_allowed(row)]
    terminalreporter.write_line(
        f"{len(rows)} kills; " + (f"users lost where none may be: {wrong}" if wrong else
                                  "no user is lost but where Zoom's answer had not come to our disk"))


@pytest.fixture(scope="session")
def stack_settings():
    return {"HALLPASS_ZOOM_TIMEOUT_MS": TIMEOUT_MS}


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory):
    """What happens between a write and its sync is what these are about: there is time between them, the same for all."""
    return slow_disk(tmp_path_factory.mktemp("disk"), SYNC_MS)


@pytest.fixture
def failpoint(stack):
    failpoint = Failpoint(stack.directory)
    yield failpoint
    failpoint.clear()


@pytest.fixture
def joiner(stack, zoom, api):
    """A user with a bot; gone after the test, so that nothing of theirs is due during the next."""
    joiner = make_joiner(stack, zoom, api)
    yield joiner
    zoom.clear_faults(joiner.who["client_id"])
    api.delete(f"/api/v1/zoom_oauth_connections/{joiner.id}?revoke=false")


@pytest.fixture
def row(request):
    """`row(operation, step, way, process)(outcome)` puts a line into the table, and checks it."""
    def begin(*cells):
        def end(outcome):
            Row(*cells).of(outcome, request.node)
            assert is_allowed([*cells, outcome]), f"{cells}: {outcome}"
        return end
    return begin
