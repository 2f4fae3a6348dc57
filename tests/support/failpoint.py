"""Failpoints of a stack whose programs were built with them (src/base/failpoint.h)."""

import os
import signal

from .waiting import wait_until


def state_of(pid):
    """As /proc has it: "T" is stopped, "Z" dead but not asked for, "" gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_stopped(pid):
    return state_of(pid) == "T"


def is_dead(pid):
    """With its last thread: the first may be gone, while another still holds the files and their locks."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return True
    return threads == [str(pid)] and state_of(pid) in ("", "Z")


class Failpoint:
    """The one that is armed in the directory in which all processes of the stack run."""

    def __init__(self, directory):
        self.armed, self.taken, self.go, self.clock = (
            directory / name for name in ("failpoint", "failpoint.taken", "failpoint.go",
                                          "failpoint.clock"))

    def arm(self, name, action):
        self.clear()
        draft = self.armed.with_suffix(".draft")
        draft.write_text(f"{name} {action}\n")
        draft.rename(self.armed)

    def wait(self, timeout=20):
        """The pid of the process that has taken it, once it lies dead, stands still or waits."""
        wait_until(self.taken.exists, timeout, "the failpoint " + self.armed_text())
        _, action, pid = self.taken.read_text().split()
        if action == "kill":
            wait_until(lambda: is_dead(int(pid)), timeout, "the death")
        elif action == "stop":
            wait_until(lambda: is_stopped(int(pid)), timeout, "the stop")
        return int(pid)

    def armed_text(self):
        try:
            return self.armed.read_text().strip()
        except FileNotFoundError:
            return ""

    def let_go(self):
        """On with the thread that pauses, or with the process that was stopped."""
        _, action, pid = self.taken.read_text().split()
        if action == "stop":
            os.kill(int(pid), signal.SIGCONT)
        else:
            self.go.touch()

    def set_clock_error(self, seconds):
        """By so much the clock of every process is wrong from now on."""
        draft = self.clock.with_suffix(".draft")
        draft.write_text(f"{seconds}\n")
        draft.rename(self.clock)

    def clear(self):
        for file in self.armed, self.taken, self.go, self.clock:
            file.unlink(missing_ok=True)
