"""`hallpass restore` is killed at every step: the old database is there, or the new one, and the next run is whole."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from support.failpoint import Failpoint
from support.home import HALLPASS, Home

# Where it is killed, and whose database is there then.
POINTS = {"restore.filled": "old", "restore.ready": "old", "restore.kept": "old", "restore.switched": "new"}


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.done("init")
    home.project("new")
    home.done("backup", tmp_path / "copy.db")
    home.sql("UPDATE projects SET name = 'older'")
    # The latest change is in the WAL alone, as a kill leaves it.
    subprocess.run([sys.executable, "-c", f"""
import os, sqlite3
sqlite3.connect({str(home.database)!r}, isolation_level=None).execute("UPDATE projects SET name = 'old'")
os.kill(os.getpid(), 9)"""], check=False)
    return home


@pytest.fixture
def failpoint(home):
    return Failpoint(home.directory)


def name_in(database):
    """Of its project, read in a copy with what lies beside it."""
    folder = database.parent / "read"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in database.parent.glob(f"{database.name}*"):
        if file.name in (database.name, f"{database.name}-wal"):
            shutil.copy(file, folder)
    with contextlib.closing(sqlite3.connect(folder / database.name)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(name,)] = opened.execute("SELECT name FROM projects")
    return name


def kill_restore(home, failpoint, point):
    failpoint.arm(point, "kill")
    with subprocess.Popen([HALLPASS, "restore", home.directory / "copy.db"], cwd=home.directory,
                          env={"HALLPASS_CONFIG": str(home.config)}, stdout=subprocess.DEVNULL) as restore:
        assert restore.wait(60) == -signal.SIGKILL
    failpoint.wait()
    failpoint.clear()


def asides(home):
    return sorted(home.directory.glob("hallpass.db.replaced-*Z"))


@pytest.mark.short
@pytest.mark.parametrize("point", POINTS)
def test_a_restore_that_dies_leaves_the_old_database_or_the_new_one_and_the_next_one_finishes_it(
        home, failpoint, point):
    kill_restore(home, failpoint, point)
    assert name_in(home.database) == POINTS[point]
    home.done("project", "list")
    home.done("restore", home.directory / "copy.db")
    assert name_in(home.database) == "new"
    assert [name_in(aside) for aside in asides(home)] == (["old"] if POINTS[point] == "old" else ["old", "new"])
    assert len({file.stat().st_ino for file in [home.database, *asides(home)]}) == len(asides(home)) + 1
    assert not list(home.directory.glob("*restoring*"))
