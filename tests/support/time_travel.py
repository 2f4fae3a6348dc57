"""What only time brings about, at once: written into the database while it is in use."""

import errno
import json
import os
import time

from .waiting import wait_until

DAY = 86400 * 1_000_000  # instants are microseconds


def now():
    return time.time_ns() // 1000


def write(stack, sql, *values):
    return stack.database.write(sql, *values)


def of_connection(stack, sql, connection_id, *values):
    """`sql` ends in what names the row by its id inside the database."""
    row_id = stack.database.value(
        "SELECT id FROM zoom_oauth_connections WHERE public_id = ?", connection_id)
    assert write(stack, sql, *values, row_id) == 1


def ring(stack):
    """
    Wakes the worker, as the product does when there is work; one that is just starting looks by itself, and where
    there is none, as between two runs of a cron, there is nobody to wake.
    """
    try:
        bell = os.open(f"{stack.database.path}-doorbell", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        assert error.errno in (errno.ENXIO, errno.ENOENT)
        return
    os.write(bell, b"!")
    os.close(bell)


def expire_access_token(stack, connection_id):
    """By our own clock: nobody needs to ask Zoom to know it."""
    of_connection(stack, "UPDATE zoom_oauth_credentials SET access_token_issued_at = ?,"
                  " access_token_expires_at = ? WHERE connection_id = ?",
                  connection_id, now() - DAY, now() - DAY // 2)


def make_refresh_due(stack, connection_id):
    of_connection(stack, "UPDATE zoom_oauth_credentials SET next_refresh_at = 1"
                  " WHERE connection_id = ?", connection_id)
    ring(stack)


def make_sync_due(stack, connection_id):
    of_connection(stack, "UPDATE zoom_oauth_connections SET next_sync_at = 1 WHERE id = ?",
                  connection_id)
    ring(stack)


def make_clean_up_due(stack):
    write(stack, "UPDATE periodic_jobs SET next_at = 1 WHERE name = 'clean_up'")
    ring(stack)


def pieces(stack, job, subject=""):
    """What the worker has logged of its finished pieces of a job; the one of a failed piece has a `code`."""
    lines = (stack.directory / "logs/worker.log").read_text().splitlines()
    logged = [json.loads(line) for line in lines if f'"job":"{job}"' in line]
    return [piece for piece in logged if piece["subject"] == subject]


def run_sync(stack, connection_id):
    """Lets one sync be due and waits for its end, whatever that is; gives what was logged."""
    return run_piece(stack, "meeting_sync", connection_id, make_sync_due)


def run_upkeep(stack, connection_id):
    return run_piece(stack, "token_upkeep", connection_id, make_refresh_due)


def run_piece(stack, job, connection_id, make_due):
    count = len(pieces(stack, job, connection_id))
    make_due(stack, connection_id)
    return wait_until(lambda: pieces(stack, job, connection_id)[count:], what=f"the {job}")[0]
