"""The benchmarks run at all. What they measure here, beside other tests, is worth nothing."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys

import pytest

from support.stack import BUILD, ROOT
from support.state_directory import memory

sys.path.insert(0, str(ROOT / "bench"))
import tls  # noqa: E402
from actors import Hallpass, Upstream, empty_wal  # noqa: E402
from deliveries import Deliveries  # noqa: E402

pytestmark = pytest.mark.skipif(not (BUILD / "bench/load").exists(), reason="make bench-programs has not run")


def run_quickly(bench, results, timeout_s):
    """With its state in memory: how long a disk that others use takes for a sync is what the real runs measure."""
    surroundings = {"BUILD": str(BUILD)} | ({"TMPDIR": str(memory())} if memory() else {})
    done = subprocess.run([ROOT / "bench" / bench, "--quick", "--results", results], capture_output=True, text=True,
                          timeout=timeout_s, env=os.environ | surroundings)
    assert done.returncode == 0, done.stderr
    return done


def quick_rows(bench, results, timeout_s=400):
    """The cells of its table, and the names of the goals of which it has kept figures for bench/summary."""
    done = run_quickly(bench, results, timeout_s)
    assert "bad answers" not in done.stdout, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    for question, hallpass, baseline, ratio, _, _ in rows:
        assert question and hallpass and baseline, done.stdout
        assert re.fullmatch(r"\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)", ratio), done.stdout
    kept = json.loads((results / f"{bench}.json").read_text())
    assert len(kept) == len(rows)
    return rows, {each["goal"] for each in kept} - {None}


def test_the_token_benchmark_gives_figures_and_sees_one_refresh(tmp_path):
    rows, goals = quick_rows("tokens", tmp_path)
    assert len(rows) == (14 if tls.is_possible() else 11)
    assert sum("over https" in row[0] for row in rows) == (3 if tls.is_possible() else 0)
    (refreshes,) = (row for row in rows if row[0].startswith("refreshes that Zoom sees"))
    assert refreshes[1] == "1 in each of 1 rounds"
    assert goals == {f"tokens.{name}" for name in ("latency", "burst", "others", "memory", "refreshes", "refreshed")}


def test_the_event_benchmark_gives_figures_and_finds_every_acknowledged_event_stored(tmp_path):
    rows, goals = quick_rows("events", tmp_path)
    assert len([row for row in rows if row[0].startswith("events")]) == 2
    assert goals == {f"events.{name}" for name in ("rate", "p99", "beside", "slowest")}


def test_events_of_which_too_few_were_prepared_are_told_instead_of_counted_as_lost(state_directory):
    with (state_directory("events") as directory, Upstream.running() as upstream,
          Hallpass.running(directory / "stack", upstream, users=1, bots=0) as hallpass):
        deliveries = Deliveries(directory)
        run = hallpass.take_events(deliveries.prepare(10_000), 2, 2, 10)
        assert run["requests"] > 2 and run["repeated"] == run["failures"] == 0
        with pytest.raises(SystemExit, match="were sent twice and stored once"):
            hallpass.take_events(deliveries.prepare(2), 2, 2, 10)


def test_the_bot_benchmark_gives_figures_and_finds_every_acknowledged_bot_stored(tmp_path):
    rows, goals = quick_rows("bots", tmp_path)
    assert len(rows) == 3 * 4 and goals == {f"bots.{name}" for name in ("disk", "slow", "processes", "slowest")}


def test_the_memory_benchmark_gives_figures_of_every_program(tmp_path):
    rows, goals = quick_rows("memory", tmp_path)
    settings = 4 if tls.is_possible() else 2
    programs = {path.name for path in (BUILD / "cgi-bin").iterdir()} | {"worker"}
    assert {row[0].removeprefix("… ") for row in rows} >= programs
    assert len(rows) == settings * (5 + len(programs)) + settings // 2 + 2 and goals == {f"memory.{name}" for name in (
        "idle", "idle_exit", "idle_pss", "busy", "busy_pss", "rested")}


def test_the_cgi_benchmark_gives_figures_of_good_answers(tmp_path):
    rows, goals = quick_rows("cgi", tmp_path)
    assert len(rows) == 3 and goals == {"cgi.one"}


def test_the_scale_benchmark_gives_figures_of_good_answers_from_a_small_and_a_larger_database(tmp_path):
    rows, goals = quick_rows("scale", tmp_path)
    assert len(rows) == 43 and goals == {"scale"}


def test_the_webhook_benchmark_gives_figures_and_sees_each_notification_once_beside_bad_receivers(tmp_path):
    rows, goals = quick_rows("webhooks", tmp_path)
    assert len(rows) == 3 and goals == {f"webhooks.{name}" for name in ("time", "memory", "growth")}
    assert rows[0][0].startswith("1000 notifications to 50 receivers, 5 hang and 5 refuse")


def test_the_worker_benchmark_gives_figures_and_sees_each_refresh_once_up_to_the_limit_at_once(tmp_path):
    rows, goals = quick_rows("worker", tmp_path)
    assert len(rows) == 4 and goals == {f"worker.{name}" for name in ("time", "memory", "events", "reads")}
    assert 1 < int(re.search(r"at most (\d+) at once$", rows[0][1])[1]) <= 100


@pytest.mark.skipif(not (BUILD / "faults/bench/upstream").exists(), reason="make faults-programs has not run")
def test_the_retention_benchmark_lives_through_days_and_shows_what_is_left_of_them(tmp_path):
    done = run_quickly("retention", tmp_path, 400)
    curve = [line.split("|")[1:-1] for line in done.stdout.splitlines() if re.match(r"\| \d", line)]
    bots = [int(month[4]) for month in curve]
    assert len(curve) == 12 and bots == [10 * month for month in range(1, 13)], done.stdout
    (row,) = json.loads((tmp_path / "retention.json").read_text())
    assert row["goal"] == "retention" and row["ratios"][0] > 1


def test_a_size_is_that_of_a_file_without_wal_or_none_is_told(tmp_path):
    def connect():
        return contextlib.closing(sqlite3.connect(path, timeout=0.1, isolation_level=None))

    path = tmp_path / "a.db"
    with connect() as writer, connect() as reader, connect() as measurer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (x)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        writer.execute("INSERT INTO t VALUES (zeroblob(100000))")
        with pytest.raises(SystemExit, match="the WAL could not be emptied"):
            empty_wal(measurer)
        assert path.stat().st_size < 100_000
        reader.execute("COMMIT")
        empty_wal(measurer)
        assert path.stat().st_size > 100_000 and path.with_name("a.db-wal").stat().st_size == 0


# Holds what SQLite locks of PATH's shared memory for a checkpoint (WAL_CKPT_LOCK), until its input ends.
CHECKPOINT = """
import fcntl, sys
with open(sys.argv[1] + "-shm", "r+b") as shm:
    fcntl.lockf(shm, fcntl.LOCK_EX, 1, 121)
    print("at it", flush=True)
    sys.stdin.read()
"""


def test_a_size_waits_for_the_checkpoint_that_somebody_else_makes(tmp_path):
    path, tries = tmp_path / "a.db", []
    with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as measurer:
        measurer.execute("PRAGMA journal_mode = WAL")
        measurer.execute("CREATE TABLE t (x)")
        with subprocess.Popen([sys.executable, "-c", CHECKPOINT, path], text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == "at it\n"

            def let_go_after_the_first(sql):
                tries.append(sql)
                if len([sql for sql in tries if "wal_checkpoint" in sql]) == 2:
                    other.communicate()

            measurer.set_trace_callback(let_go_after_the_first)
            empty_wal(measurer)
        assert path.with_name("a.db-wal").stat().st_size == 0
