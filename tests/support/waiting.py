"""Waiting for what happens in another process."""

import time

WAIT_S = 30  # less than what a bell costs that nobody heard: src/worker/pool.c


def wait_until(condition, timeout=WAIT_S, what="the condition"):
    """What `condition()` returns once that is true; fails when it does not become so in time."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s"
        time.sleep(0.01)
    return found
