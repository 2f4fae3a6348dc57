"""Waiting for what happens in another process."""

import time


def wait_until(condition, timeout=10, what="the condition"):
    """What `condition()` returns once that is true; fails when it does not become so in time."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s"
        time.sleep(0.01)
    return found
