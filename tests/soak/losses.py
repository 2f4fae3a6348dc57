"""What each user was lost by: proved by who had the refresh under way, never by what happened at about that time."""

import collections
import contextlib
import fcntl
import math
import os
import pathlib
import signal
import struct
import time

from support.failpoint import is_dead, is_stopped
from support.waiting import wait_until

DROPPED = "Zoom's answer was dropped, cut off or too late"

# at: when the process stood still; open: when what it had under way had begun, as in the database
Kill = collections.namedtuple("Kill", "at program open")

# What the database holds of a connection: a refresh whose end is not on record (holder 0: its process
# lived, and knows that no answer will come). is_over: nobody has its number any more, as where the database was
# held by others for so long that who knew that could not note it.
Attempt = collections.namedtuple("Attempt", "holder started_at is_over", defaults=[False])

# One of Zoom's log that rotated the tokens; is_answer_lost: a fault that kept its answer from us.
Rotation = collections.namedtuple("Rotation", "at ended_at is_answer_lost")


def holders_of(pid):
    """The numbers of a process and of what it does (src/base/holder.h): the bytes that it keeps locked."""
    holders = set()
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            for line in info.read_text().splitlines():
                if line.startswith("lock:") and " OFDLCK " in line:
                    holders.add(int(line.split()[-1]))
    return holders - {0}  # the lock of some other file: no number, but in the database that of nobody


def is_over(database, holder):
    """Whether nobody has that number any more."""
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, holder, 1, 0)
    with open(f"{database.path}-holders", "rb") as file:
        return struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_OFD_GETLK, lock))[0] == fcntl.F_UNLCK


def open_of(database, holders):
    """When the refreshes, and the renewals of what a code brought, began that a process has under way."""
    rows = database.rows(
        "SELECT holder, started_at FROM zoom_oauth_refresh_attempts"
        " UNION SELECT holder_process, renewal_began_at FROM zoom_authorizations"
        " WHERE renewal_began_at IS NOT NULL")
    return frozenset(row["started_at"] for row in rows if row["holder"] in holders)


def kill(pid, program, database):
    """kill -9, which stands still first: what is under way then is what the kill cuts off."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid), what="the stop")
    killed = Kill(time.time(), program, open_of(database, holders_of(pid)))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_dead(pid), what="the death")
    return killed


def attempts_of(joiner):
    """Those of a connection's refreshes whose end is not on record."""
    database = joiner.stack.database
    return [Attempt(**row, is_over=is_over(database, row["holder"])) for row in database.rows(
        "SELECT holder, started_at FROM zoom_oauth_refresh_attempts WHERE connection_id ="
        " (SELECT id FROM zoom_oauth_connections WHERE public_id = ?)", joiner.id)]


def evidence(joiner, losing_faults=()):
    """(the last rotation of the user's tokens, or None; the attempts without an end on record)."""
    calls = joiner.zoom.requests(limit=100_000, path="/oauth/token", grant_type="refresh_token", **joiner.who)
    rotations = [call for call in calls["requests"] if call["effect_status"] == 200]
    last = rotations[-1] if rotations else None
    return last and Rotation(last["at"], last["at"] + last["duration_ms"] / 1000,
                             last["fault_id"] in losing_faults), attempts_of(joiner)


def explain(rotation, attempts, kills, timeout_s=math.inf):
    """
    (why, seconds that the answer was in the hands of who was killed) for the loss of the tokens that
    `rotation` brought; (None, 0) where nothing proves why. It belongs to an attempt that had begun
    before it and has no end on record. An answer that comes later than timeout_s after that, as where the machine
    is too busy for the simulator, is as good as dropped.
    """
    for attempt in sorted(attempts, key=lambda each: each.started_at, reverse=True):
        if attempt.started_at > rotation.at * 1_000_000:
            continue
        for killed in kills:
            if attempt.started_at in killed.open:
                return (f"{killed.program} was killed with the refresh under way",
                        max(0, killed.at - rotation.ended_at))
        is_late = rotation.ended_at - attempt.started_at / 1_000_000 > timeout_s
        if (attempt.holder == 0 or attempt.is_over) and (rotation.is_answer_lost or is_late):
            return DROPPED, 0
    return None, 0
