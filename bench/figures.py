"""Rounds, medians, ratios, and the table that shows them beside their goals."""

import os
import pathlib
import platform
import statistics
from datetime import datetime, timezone


class Row:
    """One question: what was measured in each round as a ratio to the baseline of the same round."""

    def __init__(self, question, hallpass, baseline, ratios, goal=None, faults=0):
        """`goal` is one of goals.GOALS; `faults` are answers that were not good."""
        self.question, self.hallpass, self.baseline = question, hallpass, baseline
        self.ratios, self.goal, self.faults = ratios, goal, faults

    @property
    def ratio(self):
        return statistics.median(self.ratios)

    @property
    def holds(self):
        return not self.faults and (self.goal is None or self.goal.is_met(self.ratio))

    def cells(self):
        verdict = "" if self.goal is None else "yes" if self.holds else "**no**"
        if self.faults:
            verdict = f"**no**: {self.faults} bad answers"
        return [self.question, self.hallpass, self.baseline, with_spread(self.ratios),
                "" if self.goal is None else str(self.goal), verdict]

    def to_json(self):
        return {"question": self.question, "goal": self.goal and self.goal.name, "hallpass": self.hallpass,
                "baseline": self.baseline, "ratios": self.ratios, "faults": self.faults}


HEADINGS = ["question", "Hallpass", "baseline", "ratio (spread)", "goal", "holds"]


def with_spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def median(runs, name):
    """Of one figure of many runs of bench/load or bench/curl_alone."""
    return statistics.median(run[name] for run in runs)


def milliseconds(value):
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 10 else f"{value:.3f} ms"


def table(rows):
    return draw([HEADINGS, *(row.cells() for row in rows)])


def draw(lines):
    """A Markdown table of lines of cells, of which the first has the headings."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    drawn = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
             for line in lines]
    drawn.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(drawn)


def machine(directory):
    """What the figures depend on, in one line; `directory` is where the database lies."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return (f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, {cpu} · "
            f"{memory // 1024 // 1024} GiB · Linux {platform.release()} · "
            f"database on {file_system(directory)}")


def file_system(directory):
    """"ext4 on vda", as far as /proc tells."""
    path = pathlib.Path(directory).resolve()
    mounts = [line.split() for line in open("/proc/self/mounts")]
    # In a chroot the root is no mount that it could tell of.
    device, _, kind = max((mount[:3] for mount in mounts if path.is_relative_to(mount[1])),
                          key=lambda mount: len(mount[1]), default=("an unknown disk", "/", "an unknown kind"))
    disk = pathlib.Path(device).name
    rotational = pathlib.Path(f"/sys/class/block/{disk}/queue/rotational")
    spins = rotational.exists() and rotational.read_text().strip() == "1"
    return f"{kind} on {disk}" + (" (said to be rotational)" if spins else "")


def load_average():
    return "load average " + ", ".join(f"{load:.1f}" for load in os.getloadavg())
