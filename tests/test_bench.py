"""The benchmarks run at all. What they measure here, beside other tests, is worth nothing."""

import os
import re
import subprocess

import pytest

from support.stack import BUILD, ROOT


@pytest.mark.skipif(not (BUILD / "bench/load").exists(), reason="make bench-programs has not run")
def test_the_token_benchmark_gives_figures_and_sees_one_refresh():
    done = subprocess.run([ROOT / "bench/tokens", "--quick"], capture_output=True, text=True,
                          timeout=120, env=os.environ | {"BUILD": str(BUILD)})
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 11, done.stdout
    for question, hallpass, baseline, ratio, _, holds in rows:
        assert question and hallpass and baseline and "bad answers" not in holds, done.stdout + done.stderr
        assert re.fullmatch(r"\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)", ratio), done.stdout
    (refreshes,) = (row for row in rows if row[0].startswith("refreshes that Zoom sees"))
    assert refreshes[1] == "1 in each of 1 rounds"


@pytest.mark.skipif(not (BUILD / "bench/no_op").exists(), reason="make bench-programs has not run")
def test_the_event_benchmark_gives_figures_and_finds_every_acknowledged_event_stored():
    done = subprocess.run([ROOT / "bench/events", "--quick"], capture_output=True, text=True,
                          timeout=300, env=os.environ | {"BUILD": str(BUILD)})
    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| events")]
    assert len(rows) == 2 and "bad answers" not in done.stdout


@pytest.mark.skipif(not (BUILD / "bench/spawn").exists(), reason="make bench-programs has not run")
def test_the_cgi_benchmark_gives_figures_of_good_answers():
    done = subprocess.run([ROOT / "bench/cgi", "--quick"], capture_output=True, text=True,
                          timeout=120, env=os.environ | {"BUILD": str(BUILD)})
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| GET", "| POST"))]
    assert len(rows) == 3 and "bad answers" not in done.stdout


@pytest.mark.skipif(not (BUILD / "bench/fill").exists(), reason="make bench-programs has not run")
def test_the_scale_benchmark_gives_figures_of_good_answers_from_a_small_and_a_larger_database():
    done = subprocess.run([ROOT / "bench/scale", "--quick"], capture_output=True, text=True,
                          timeout=300, env=os.environ | {"BUILD": str(BUILD)})
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 31 and "bad answers" not in done.stdout, done.stdout + done.stderr
    assert all(re.fullmatch(r"\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)", row[3]) for row in rows), done.stdout


@pytest.mark.skipif(not (BUILD / "bench/upstream").exists(), reason="make bench-programs has not run")
def test_the_webhook_benchmark_gives_figures_and_sees_each_notification_once_beside_bad_receivers():
    done = subprocess.run([ROOT / "bench/webhooks", "--quick"], capture_output=True, text=True,
                          timeout=120, env=os.environ | {"BUILD": str(BUILD)})
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 3 and "bad answers" not in done.stdout, done.stdout + done.stderr
    assert rows[0][0].startswith("1000 notifications to 50 receivers, 5 hang and 5 refuse")
    assert all(re.fullmatch(r"\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)", row[3]) for row in rows), done.stdout
