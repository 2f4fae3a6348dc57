"""The processes of a stack, to be killed, stopped and started beside it."""

import os
import signal
import subprocess
from contextlib import contextmanager

from .stack import BUILD
from .waiting import wait_until


def pids_of(stack, name):
    """Of a responder or the worker, without the multiwatch that starts it again."""
    leader = (stack.directory / "pids" / name).read_text().split()[0]
    group = subprocess.run(["pgrep", "-g", leader], capture_output=True, text=True).stdout.split()
    return [int(pid) for pid in group if pid != leader]


def cpu_s(pid):
    """What the process has worked so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill(stack, name):
    """As a crash does it: whatever it had under way is cut off. Its multiwatch starts another."""
    for pid in pids_of(stack, name):
        os.kill(pid, signal.SIGKILL)


def kill_for_good(stack, name):
    """The same, and nobody starts another."""
    os.kill(int((stack.directory / "pids" / name).read_text().split()[0]), signal.SIGKILL)
    kill(stack, name)


def end(stack, name):
    """Ends a program of the stack for good."""
    leader = int((stack.directory / "pids" / name).read_text().split()[0])
    os.kill(leader, signal.SIGTERM)
    wait_until(lambda: not pids_of(stack, name), what=f"the end of {name}")


@contextmanager
def worker_beside(stack, *arguments, by=()):
    """
    Another hallpass-worker on the stack's database, started by that command; what still runs after the block is
    killed.
    """
    with open(stack.directory / "logs/worker_beside.log", "ab") as log, subprocess.Popen(
            [*by, BUILD / "bin/hallpass-worker", *arguments], stdin=subprocess.DEVNULL, stderr=log,
            env={"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(stack.config)}) as worker:
        try:
            yield worker
        finally:
            worker.kill()
