"""The worker costs nothing while nothing is due, and is there when something is."""

import pathlib
from datetime import datetime

from support.processes import pids_of
from support.time_travel import now, of_connection, pieces, ring
from support.waiting import wait_until
from support.zoom_user import connect_user

SECOND = 1_000_000


def wake_ups(pid):
    """How often any of its threads has begun to wait for something."""
    return sum(int(line.split()[1]) for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")
               for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt_switches"))


def wait_for_clock(instant):
    wait_until(lambda: now() >= instant, what="the time")


def test_the_worker_sleeps_until_something_is_due_and_wakes_without_being_called(private_stack, zoom):
    stack = private_stack()
    user = connect_user(stack.create_project().api, zoom)
    user.wait_for_sync()
    done = len(pieces(stack, "meeting_sync", user.id))
    worker, = pids_of(stack, "worker")

    due = now() + 8 * SECOND
    of_connection(stack, "UPDATE zoom_oauth_connections SET next_sync_at = ? WHERE id = ?", user.id, due)
    ring(stack)
    wait_for_clock(due - 4 * SECOND)  # it has looked, and sleeps
    asleep = wake_ups(worker)
    wait_for_clock(due - 2 * SECOND)
    assert wake_ups(worker) == asleep

    wait_until(lambda: len(pieces(stack, "meeting_sync", user.id)) > done, what="the sync that is due")
    began = datetime.fromisoformat(user.read()["last_attempted_sync_at"]).timestamp() * SECOND
    assert began >= due
