"""A process is killed at every step of a refresh, by itself or from outside."""

import datetime

import pytest

from kill_points import REFRESHERS, come_back, kill_at, kill_held, prove, says_interrupted
from outcomes import KEPT, LOST, UNAVOIDABLE
from support import time_travel

REFRESH = {"path": "/oauth/token", "grant_type": "refresh_token"}

# Failpoint: (what has happened by then, what becomes of the user).
POINTS = {
    "refresh.claimed": ("Zoom is about to be asked", KEPT),
    "refresh.answered": (UNAVOIDABLE, f"{LOST}: refresh_interrupted"),
    "refresh.storing": (UNAVOIDABLE, f"{LOST}: refresh_interrupted"),
    "refresh.stored": ("the answer is on our disk", KEPT),
}

# The call is held (how, what has happened by then, what becomes of the user).
HELD = {
    "before Zoom saw it": ({"hold": "before", "drop": "before"}, "Zoom is being asked", KEPT),
    "after Zoom rotated": ({"hold": "after"}, UNAVOIDABLE, f"{LOST}: refresh_interrupted"),
}

SHORT = {("refresh.answered", "bots"), ("refresh.storing", "worker"), ("refresh.stored", "bots"),
         ("refresh.claimed", "worker"), ("after Zoom rotated", "bots"),
         ("before Zoom saw it", "zoom_oauth_connections")}


def cases(ways):
    return [pytest.param(way, process, id=f"{way} in {process}",
                         marks=[pytest.mark.short] if (way, process) in SHORT else [])
            for way in ways for process in REFRESHERS]


def judge(joiner, outcome, began, end):
    if outcome != KEPT:
        assert says_interrupted(joiner, began)
        come_back(joiner)
    assert prove(joiner) == KEPT
    end(outcome)


def before_now():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize("point, process", cases(POINTS))
def test_a_process_that_dies_in_a_refresh_costs_no_user_whose_new_token_was_stored(
        stack, failpoint, joiner, row, point, process):
    step, expected = POINTS[point]
    end = row("refresh", step, point, process)
    began = before_now()
    time_travel.expire_access_token(stack, joiner.id)
    kill_at(failpoint, point, lambda: REFRESHERS[process](joiner))
    outcome = prove(joiner)
    assert outcome == expected
    judge(joiner, outcome, began, end)


@pytest.mark.parametrize("way, process", cases(HELD))
def test_a_process_that_is_killed_while_zoom_works_costs_no_user_whom_zoom_had_not_rotated(
        stack, zoom, joiner, row, way, process):
    fault, step, expected = HELD[way]
    end = row("refresh", step, f"from outside, {way}", process)
    began = before_now()
    time_travel.expire_access_token(stack, joiner.id)
    kill_held(stack, zoom, process, lambda: REFRESHERS[process](joiner), fault | REFRESH,
              **joiner.who)
    outcome = prove(joiner)
    assert outcome == expected
    judge(joiner, outcome, began, end)


@pytest.mark.parametrize("process", REFRESHERS)
@pytest.mark.parametrize("point", ["refresh.refused", "refresh.recording", "refresh.recorded"])
def test_a_process_that_dies_over_a_passing_failure_costs_no_user(
        stack, zoom, failpoint, joiner, row, point, process):
    end = row("refresh", "Zoom said: not now", point, process)
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(status=429, rate_limit="per_second"):
        kill_at(failpoint, point, lambda: REFRESHERS[process](joiner))
    outcome = prove(joiner)
    assert outcome == KEPT
    end(outcome)
