"""
What all benchmarks have in common: their options at one end, and at the other the table, which is printed, and kept for
bench/summary.

A benchmark NAME is a program bench/NAME that ends with report.finish(NAME, …). Its rows (figures.Row) name the
goals that they are measured against, which are in goals.py. They are kept in build/bench-results/NAME.json,
a question's last answer each:

    [{"question": "burst of 2000, …", "goal": "tokens.burst", "hallpass": "1.50 s, …", "baseline": "ideal: …",
      "ratios": [1.22, 1.25, 1.28], "faults": 0, "measured_at": "2026-11-25 10:36"}, …]

where `goal` is null if there is none, and `faults` counts answers that were not good. So bench/summary shows
what was measured last, whether all at once (make bench) or one by one. --quick keeps nothing unless --results
says where, for it measures nothing.
"""

import argparse
import json
import pathlib
import sys
from datetime import datetime, timezone

from actors import BUILD
from figures import Row, load_average, machine, table
from goals import GOALS

RESULTS = BUILD / "bench-results"


class Options(argparse.ArgumentParser):
    """Of the benchmark whose docstring that is."""

    def __init__(self, doc, rounds=5):
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("--rounds", type=int, default=rounds, help=f"({rounds})")
        self.add_argument("--quick", action="store_true", help="one short round: does it run at all?")
        self.add_argument("--strict", action="store_true", help="exit status 1 if a goal does not hold")
        self.add_argument("--results", metavar="DIR", type=pathlib.Path,
                          help=f"where the figures are kept for bench/summary ({RESULTS}; none if --quick)")

    def add_questions(self, known):
        self.add_argument("questions", nargs="*", metavar="question", help=", ".join(known))
        self.known = known

    def parse(self):
        options = self.parse_args()
        if unknown := set(getattr(options, "questions", ())) - set(getattr(self, "known", ())):
            self.error(f"there is no question {', '.join(sorted(unknown))}: {', '.join(self.known)}")
        if options.quick:
            options.rounds = 1
        elif options.results is None:
            options.results = RESULTS
        return options


class Heading:
    """The line above a table, begun before anything is measured."""

    def __init__(self, directory):
        self.start = f"{machine(directory)} · {load_average()} at the start"

    def end(self, options, note=""):
        return (f"{self.start}, {load_average().removeprefix('load average ')} at the end"
                f" · rounds: {options.rounds}{note}")


def finish(name, heading, rows, options, note=""):
    """Prints and keeps what was measured, and ends the program."""
    print(f"{heading.end(options, note)}\n\n{table(rows)}")
    if options.results is not None:
        keep(options.results / f"{name}.json", rows)
    sys.exit(options.strict and not all(row.holds for row in rows))


def keep(file, rows):
    """In place of the former answers to the same questions."""
    now = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M}"
    kept = {each["question"]: each for each in (json.loads(file.read_text()) if file.exists() else [])}
    subject = ""
    for row in rows:
        # "… and its memory" is of the question before it.
        subject, question = ((subject, f"{subject} {row.question}") if row.question.startswith("…")
                             else (row.question, row.question))
        kept[question] = row.to_json() | {"question": question, "measured_at": now}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(list(kept.values()), ensure_ascii=False, indent=1))


def kept_rows(results):
    """(row, when it was measured) of every benchmark that has been run."""
    for file in sorted(results.glob("*.json")):
        for each in json.loads(file.read_text()):
            yield (Row(each["question"], each["hallpass"], each["baseline"], each["ratios"],
                       GOALS.get(each["goal"]), each["faults"]), each["measured_at"])
