"""A process that holds the lease is stopped (SIGSTOP) for longer than it has it, and goes on."""

import os
import signal

import pytest

from kill_points import REFRESHERS, come_back, in_background, prove, says_interrupted
from outcomes import KEPT, LOST, UNAVOIDABLE
from support import time_travel
from support.failpoint import Failpoint
from support.joiner import make_joiner
from support.waiting import wait_until
from test_kill_refresh import before_now


@pytest.fixture
def stack(private_stack):
    """One of its own: whoever is stopped serves no other test."""
    return private_stack(HALLPASS_ZOOM_TIMEOUT_MS=2000)


@pytest.fixture
def joiner(stack, zoom):
    return make_joiner(stack, zoom, stack.create_project().api)


@pytest.fixture
def stop(stack):
    """`stop(name)`: whoever gets to the failpoint is stopped; at the end it is let go on."""
    failpoint = Failpoint(stack.directory)
    stopped = []

    def arm(name):
        failpoint.arm(name, "stop")
        return lambda: stopped.append(failpoint.wait()) or stopped[-1]

    yield arm
    for pid in stopped:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def lease_of(stack, joiner):
    return stack.database.row(
        "SELECT refresh_holder, refresh_lease_until, generation FROM zoom_oauth_credentials"
        " JOIN zoom_oauth_connections ON id = connection_id WHERE public_id = ?", joiner.id)


def outlive_lease(stack, joiner):
    until = lease_of(stack, joiner)["refresh_lease_until"]
    assert until > time_travel.now()
    wait_until(lambda: time_travel.now() > until, timeout=20, what="the end of the lease")


def ends_well(asked):
    """With a token, or, for its time was over long ago, told so."""
    return asked.result(timeout=30)["join_flow_reason"] in (None, "timeout")


@pytest.mark.short
def test_who_is_stopped_with_zooms_answer_in_hand_stores_it_however_late(stack, zoom, joiner, stop):
    time_travel.expire_access_token(stack, joiner.id)
    has_stopped = stop("refresh.answered")
    with in_background(joiner.zoom_tokens) as asked:
        holder = has_stopped()
        assert joiner.refreshes(status=200) == 1

        # While the lease lasts nobody else asks Zoom.
        assert joiner.refresh().must_be(504).code == "zoom_timeout"
        assert joiner.refreshes() == 1

        # After it they do, from other programs: Zoom refuses, which costs nobody anything.
        outlive_lease(stack, joiner)
        refused = joiner.refresh().must_be(503)
        assert refused.code == "zoom_unavailable" and "outcome is not known yet" in refused.json["error"]
        piece = time_travel.run_upkeep(stack, joiner.id)
        assert piece["code"] == "zoom_unavailable"
        assert joiner.refreshes(status=400) >= 2
        assert joiner.read()["state"] == "connected"
        assert joiner.read()["connection_failure_data"] is None

        os.kill(holder, signal.SIGCONT)
        assert ends_well(asked)
    refused = joiner.refreshes(status=400)
    assert joiner.joins()
    assert prove(joiner) == KEPT
    assert joiner.refreshes(status=400) == refused


def test_who_is_stopped_before_zoom_is_asked_is_overtaken_and_changes_nothing(
        stack, zoom, joiner, stop):
    time_travel.expire_access_token(stack, joiner.id)
    has_stopped = stop("refresh.claimed")
    with in_background(joiner.zoom_tokens) as asked:
        holder = has_stopped()
        assert joiner.refreshes() == 0
        outlive_lease(stack, joiner)
        assert joiner.refresh().must_be(200).json["state"] == "connected"
        taken_over = lease_of(stack, joiner)
        assert taken_over["refresh_holder"] is None

        os.kill(holder, signal.SIGCONT)
        assert ends_well(asked)
    # The late call is refused, and nothing is concluded from it.
    wait_until(lambda: joiner.refreshes(status=400) == 1, what="the late call")
    assert lease_of(stack, joiner)["generation"] == taken_over["generation"]
    assert joiner.read()["state"] == "connected"
    assert prove(joiner) == KEPT


def test_who_is_stopped_with_the_answer_while_the_user_authorizes_anew_drops_it(
        stack, zoom, joiner, stop):
    time_travel.expire_access_token(stack, joiner.id)
    has_stopped = stop("refresh.answered")
    with in_background(joiner.zoom_tokens) as asked:
        holder = has_stopped()
        assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
        generation = lease_of(stack, joiner)["generation"]
        os.kill(holder, signal.SIGCONT)
        assert ends_well(asked)
    assert lease_of(stack, joiner)["generation"] == generation
    assert prove(joiner) == KEPT


def test_who_is_stopped_with_a_refusal_disconnects_nobody_who_has_come_back_meanwhile(
        stack, zoom, joiner, stop):
    time_travel.expire_access_token(stack, joiner.id)
    zoom.remove_grant(**joiner.who, event=False)
    has_stopped = stop("refresh.refused")
    with in_background(joiner.zoom_tokens) as asked:
        holder = has_stopped()
        assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
        os.kill(holder, signal.SIGCONT)
        assert ends_well(asked)
    assert joiner.read()["state"] == "connected"
    assert prove(joiner) == KEPT


def test_who_is_killed_while_stopped_with_the_answer_leaves_a_user_who_is_told_why(
        stack, zoom, joiner, stop, row):
    end = row("refresh", UNAVOIDABLE, "stopped at refresh.answered, then from outside", "worker")
    began = before_now()
    time_travel.expire_access_token(stack, joiner.id)
    has_stopped = stop("refresh.answered")
    REFRESHERS["worker"](joiner)
    holder = has_stopped()
    outlive_lease(stack, joiner)
    joiner.refresh().must_be(503)
    assert joiner.read()["state"] == "connected"
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: joiner.refresh().status == 200, timeout=20)
    assert joiner.read()["state"] == "disconnected" and says_interrupted(joiner, began)
    come_back(joiner)
    end(f"{LOST}: refresh_interrupted")
