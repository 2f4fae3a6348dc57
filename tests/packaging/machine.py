"""A machine of its own on top of this one, with a systemd that runs (see boot), and the package on it."""

import ctypes
import functools
import os
import pathlib
import signal
import subprocess
from contextlib import contextmanager

from support.waiting import wait_until

HERE = pathlib.Path(__file__).parent
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNET = 0x40000000

# What a kernel, or who keeps us, may not let us do.
PROBE = """mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/changes /mnt/work /mnt/root &&
mount -t overlay -o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/work overlay /mnt/root &&
mount -t cgroup2 cgroup2 /mnt/root"""


@functools.cache
def is_possible():
    """Whether this process may make machines: as root of a container that is kept short it may not."""
    return subprocess.run(["unshare", *NAMESPACES, "--fork", "sh", "-c", PROBE], timeout=60,
                          capture_output=True).returncode == 0


def children_of(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Machine:
    """`system` is the folder of another Debian than the one that runs here."""

    def __init__(self, directory, system="/"):
        log = directory / "boot.log"
        with open(log, "wb") as log_file:
            self.process = subprocess.Popen(["unshare", *NAMESPACES, "--fork", "--kill-child", HERE / "boot", directory,
                                             system], stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file)
        [self.init] = wait_until(lambda: self.process.poll() is not None or children_of(self.process.pid),
                                 what="the first process of the machine")
        wait_until(lambda: self.is_up() or self.process.poll() is not None, timeout=180, what="the machine")
        assert self.process.poll() is None, log.read_text()

    def is_up(self):
        return self.run("systemctl", "is-system-running", check=False).stdout in ("running\n", "degraded\n")

    def power_off(self):
        """As when the plug is pulled: the kernel ends everything that runs on it."""
        os.kill(self.init, signal.SIGKILL)
        self.process.wait(60)

    def run(self, *command, check=True, **options):
        """A command of its root's."""
        result = subprocess.run(
            ["nsenter", "--target", str(self.init), *NAMESPACES, *map(str, command)], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300,
            env={"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}, **options)
        assert not check or result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return result

    def path(self, path):
        """Where a file of its is to be found from outside."""
        return pathlib.Path(f"/proc/{self.init}/root{path}")

    def units(self, pattern, state="active"):
        """Names of those in the state."""
        listed = self.run("systemctl", "list-units", "--all", "--plain", "--no-legend", f"--state={state}", pattern)
        return sorted(line.split()[0] for line in listed.stdout.splitlines())

    def failed_units(self):
        """But for systemd's own, some of which have not all their rights in a machine inside of another."""
        return [unit for unit in self.units("*", state="failed") if not unit.startswith("systemd-")]

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def mode(self, path):
        """"640 root hallpass" """
        return self.run("stat", "--format=%a %U %G", path).stdout.strip()

    @contextmanager
    def network(self):
        """This thread, and what it starts, are on the machine's network."""
        setns = ctypes.CDLL(None, use_errno=True).setns
        with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{self.init}/ns/net") as its:
            assert setns(its.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert setns(ours.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


@contextmanager
def machine_in(directory, system="/"):
    machine = Machine(directory, system)
    try:
        yield machine
    finally:
        machine.power_off()
