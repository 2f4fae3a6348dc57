"""What the benchmarks have measured is shown beside the goals, and shown to miss them where it does."""

import json
import os
import re
import subprocess
import sys

import pytest

from support.stack import BUILD, ROOT

sys.path.insert(0, str(ROOT / "bench"))
from figures import Row  # noqa: E402
from goals import GOALS, Goal  # noqa: E402
from report import keep  # noqa: E402


def summary(results, *flags):
    """(exit status, {goal: the cells of its line}, the last line)"""
    done = subprocess.run([ROOT / "bench/summary", "--results", results, *flags], capture_output=True, text=True,
                          timeout=30, env=os.environ | {"BUILD": str(BUILD)})
    assert done.stderr == ""
    *table, _, last = done.stdout.splitlines()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]
    return done.returncode, {cells[0]: cells for cells in lines}, last


def row(question, goal, *ratios, faults=0):
    return Row(question, "ours", "theirs", ratios, GOALS[goal], faults)


def test_a_goal_stands_beside_what_was_measured_of_it_and_whether_it_holds(tmp_path):
    keep(tmp_path / "events.json", [row("events", "events.rate", 0.4, 0.6, 0.7), row("…", "events.p99", 1.2)])
    _, lines, _ = summary(tmp_path)
    rate, p99 = lines[GOALS["events.rate"].words], lines[GOALS["events.p99"].words]
    assert rate[1:6] == ["ours", "theirs", "0.60 (0.40–0.70)", "≥ 0.5", "holds"]
    assert p99[3:6] == ["1.20 (1.20–1.20)", "≤ 1", "**misses**"]


def test_what_was_not_measured_is_said_not_to_be_and_does_not_count_as_held(tmp_path):
    keep(tmp_path / "cgi.json", [row("GET", "cgi.one", 2)])
    status, lines, last = summary(tmp_path, "--strict")
    assert [cells[5] for cells in lines.values()].count("**not measured**") == len(GOALS) - 1
    assert status == 1 and last == f"1 of {len(GOALS)} goals hold."


def test_of_several_rows_the_worst_is_what_a_goal_stands_with(tmp_path):
    rows = [row("a list", "scale", 1.1), row("another", "scale", 1.9), row("a third", "scale", 1)]
    keep(tmp_path / "scale.json", rows)
    (cells,) = [cells for name, cells in summary(tmp_path)[1].items() if "worst" in name]
    assert cells[0] == GOALS["scale"].words + " (3; worst: another)" and cells[3:6] == [
        "1.90 (1.90–1.90)", "≤ 1.5", "**misses**"]


def test_bad_answers_miss_a_goal_however_fast_they_were(tmp_path):
    keep(tmp_path / "scale.json", [row("a list", "scale", 1.1), row("another", "scale", 0.1, faults=3)])
    (cells,) = [cells for name, cells in summary(tmp_path)[1].items() if "worst: another" in name]
    assert cells[5] == "**misses**: 3 bad answers"


def test_a_question_that_is_asked_again_has_its_new_answer_and_the_others_keep_theirs(tmp_path):
    keep(tmp_path / "events.json", [row("events", "events.rate", 0.1), row("beside", "events.beside", 0.8)])
    keep(tmp_path / "events.json", [row("events", "events.rate", 0.9)])
    _, lines, last = summary(tmp_path)
    assert lines[GOALS["events.rate"].words][3] == "0.90 (0.90–0.90)"
    assert lines[GOALS["events.beside"].words][3] == "0.80 (0.80–0.80)" and last.startswith("2 of ")


def test_what_belongs_to_the_question_before_it_is_kept_for_each(tmp_path):
    rows = [row("544 threads", "tokens.burst", 1), row("… and its memory", "tokens.memory", 0.9),
            row("64 threads", "tokens.burst", 1), row("… and its memory", "tokens.memory", 0.5)]
    keep(tmp_path / "tokens.json", rows)
    questions = [each["question"] for each in json.loads((tmp_path / "tokens.json").read_text())]
    assert questions == ["544 threads", "544 threads … and its memory", "64 threads", "64 threads … and its memory"]


@pytest.mark.parametrize("goal, ratio, is_met", [
    (Goal("", "", 1.5), 1.5, True), (Goal("", "", 1.5), 1.51, False),
    (Goal("", "", 0.5, at_least=True), 0.5, True), (Goal("", "", 0.5, at_least=True), 0.49, False)])
def test_a_goal_is_met_at_its_limit_and_missed_beyond(goal, ratio, is_met):
    assert goal.is_met(ratio) == is_met and (goal.how_near(ratio) <= 1) == is_met


def test_every_goal_is_measured_by_a_benchmark_that_make_bench_runs():
    makefile = (ROOT / "Makefile").read_text()
    benches = next(line for line in makefile.splitlines() if line.startswith("BENCHES")).split(":=")[1].split()
    programs = "".join((ROOT / "bench" / bench).read_text() for bench in benches)
    named = set(re.findall(r'GOALS\["([\w.]+)"\]', programs))
    families = set(re.findall(r'GOALS\[f"(\w+)\.\{\w+\}"\]', programs))  # named by what is measured
    assert [name for name in GOALS if name not in named and name.partition(".")[0] not in families] == []
