"""The ways to kill a process at a step, and what is asked afterwards."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from outcomes import KEPT, LOST
from support import time_travel
from support.processes import kill
from support.waiting import wait_until

SECOND = 1_000_000

# What makes a process refresh the tokens of a user. Nobody there to answer is what a kill looks like.
REFRESHERS = {
    "bots": lambda joiner: joiner.api.post(f"/api/v1/bots/{joiner.bot['id']}/zoom_tokens"),
    "zoom_oauth_connections": lambda joiner: joiner.refresh(),
    "worker": lambda joiner: time_travel.make_refresh_due(joiner.stack, joiner.id),
}


@contextmanager
def in_background(call):
    """`call` runs while the block does; what it came to is of no interest, only that it ends."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        yield future
        future.result(timeout=60)


def kill_at(failpoint, name, call):
    """Runs `call` into the failpoint, which kills the process it is in."""
    failpoint.arm(name, "kill")
    with in_background(call):
        failpoint.wait()


def kill_held(stack, zoom, process, call, fault, **who):
    """Kills the process from outside while Zoom holds its call."""
    with zoom.fault(**fault, **who), in_background(call):
        narrow = {name: fault[name] for name in ("path", "grant_type") if name in fault}
        zoom.wait_for_requests(1, state="in_flight", **narrow, **who)
        kill(stack, process)


def prove(joiner):
    """KEPT where the stored refresh token is Zoom's newest, shown by its use; or how the user was lost."""
    def decided():
        answer = joiner.api.post(f"/api/v1/zoom_oauth_connections/{joiner.id}/refresh")
        return answer.json["state"] if answer.status == 200 else None

    if wait_until(decided, timeout=30, what="an answer about the credentials") == "connected":
        refreshes = joiner.connected.grant()["refreshes"]
        assert joiner.refresh().must_be(200).json["state"] == "connected"
        assert joiner.connected.grant()["refreshes"] == refreshes + 1
        joiner.expire_at_zoom()
        assert joiner.joins()
        return KEPT
    return f"{LOST}: {joiner.read()['connection_failure_data']['code']}"


def says_interrupted(joiner, since):
    """The failure data tells that a refresh was interrupted, and when it had begun."""
    failure = joiner.read()["connection_failure_data"]
    assert failure["code"] == "refresh_interrupted", failure
    began = failure["error"].partition("began at ")[2].partition(" ")[0]
    assert since <= began <= failure["timestamp"], failure
    return True


def come_back(joiner):
    """The user authorizes again and everything is as before, under the same id."""
    assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
    assert joiner.read()["connection_failure_data"] is None
    assert joiner.joins()
