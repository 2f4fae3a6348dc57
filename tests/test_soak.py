"""How the soak tells by what a user was lost."""

import os
import pathlib
import sys
import threading

import pytest

sys.path.append(str(pathlib.Path(__file__).parent / "soak"))

from losses import DROPPED, Attempt, Kill, Rotation, attempts_of, evidence, explain, holders_of, kill
from support.joiner import make_joiner
from support.processes import pids_of
from support.waiting import wait_until
from support.zoom_user import ConnectedUser, register_app

ROTATED = Rotation(at=10.0, ended_at=10.1, is_answer_lost=False)
BEGAN = 9_900_000  # of the attempt that rotated
KILL = Kill(at=10.3, program="bots", open=frozenset([BEGAN]))


def test_a_loss_is_explained_by_the_kill_of_the_process_that_had_the_refresh_under_way():
    why, in_hand_s = explain(ROTATED, [Attempt(7, BEGAN)], [KILL])
    assert why == "bots was killed with the refresh under way"
    assert in_hand_s == pytest.approx(0.2)


def test_a_process_that_was_killed_before_zoom_answered_had_nothing_in_hand():
    assert explain(ROTATED, [Attempt(7, BEGAN)], [KILL._replace(at=10.05)])[1] == 0


def test_the_kill_of_another_process_explains_nothing_however_near_it_is():
    assert explain(ROTATED, [Attempt(7, BEGAN)], [KILL._replace(open=frozenset([BEGAN + 1]))])[0] is None


def test_a_refresh_that_began_after_the_rotation_explains_nothing():
    late = KILL._replace(open=frozenset([10_000_001]))
    assert explain(ROTATED, [Attempt(7, 10_000_001)], [late])[0] is None


def test_the_refresh_of_a_process_that_lives_explains_nothing():
    assert explain(ROTATED, [Attempt(7, BEGAN)], [])[0] is None


def test_an_answer_that_was_dropped_explains_the_attempt_whose_process_knows_of_it():
    dropped = ROTATED._replace(is_answer_lost=True)
    assert explain(dropped, [Attempt(0, BEGAN)], []) == (DROPPED, 0)
    assert explain(dropped, [Attempt(7, BEGAN)], [])[0] is None
    assert explain(dropped, [Attempt(7, BEGAN, is_over=True)], []) == (DROPPED, 0)
    assert explain(ROTATED, [Attempt(7, BEGAN, is_over=True)], [])[0] is None
    assert explain(ROTATED, [Attempt(0, BEGAN)], [])[0] is None
    assert explain(dropped, [], [])[0] is None


def test_an_answer_that_came_after_the_time_for_it_explains_the_attempt_whose_process_knows_of_it():
    took_s = ROTATED.ended_at - BEGAN / 1_000_000
    assert explain(ROTATED, [Attempt(0, BEGAN)], [], timeout_s=took_s - 0.05) == (DROPPED, 0)
    assert explain(ROTATED, [Attempt(0, BEGAN)], [], timeout_s=took_s + 0.05)[0] is None
    assert explain(ROTATED, [Attempt(7, BEGAN)], [], timeout_s=took_s - 0.05)[0] is None


def kill_while_zoom_holds_a_refresh(stack, zoom, user, call):
    (pid,) = pids_of(stack, "zoom_oauth_connections")
    about = {"client_id": user.client_id, "grant_type": "refresh_token"}
    with zoom.fault(hold="after", **about):
        asked = threading.Thread(target=call)
        asked.start()
        zoom.wait_for_requests(1, state="in_flight", **about)
        killed = kill(pid, "zoom_oauth_connections", stack.database)
        asked.join()
    assert killed.program == "zoom_oauth_connections"
    return killed


def test_the_refresh_that_a_killed_process_had_under_way_is_told_by_the_database(private_stack, zoom):
    stack = private_stack()
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    (pid,) = pids_of(stack, "zoom_oauth_connections")
    joiner.refresh().must_be(200)
    assert len(holders_of(pid)) == 1  # that of the process: no refresh is under way
    killed = kill_while_zoom_holds_a_refresh(stack, zoom, joiner.connected, joiner.refresh)
    assert killed.open == {stack.database.value("SELECT started_at FROM zoom_oauth_refresh_attempts")}
    assert holders_of(os.getpid()) == set()


def test_the_renewal_of_what_a_code_brought_is_told_by_the_database_too(private_stack, zoom):
    stack = private_stack()
    api = stack.create_project().api
    user = ConnectedUser(api, zoom, *register_app(api, zoom), zoom.create_user())
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", status=401,
                    body={"code": 124, "message": "Invalid access token."}):
        killed = kill_while_zoom_holds_a_refresh(stack, zoom, user, user.authorize)
    began = stack.database.value("SELECT renewal_began_at FROM zoom_authorizations")
    assert killed.open == {began}


def test_an_answer_that_was_lost_explains_the_attempt_whose_end_found_the_database_held(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=1000)
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    about = {"client_id": joiner.who["client_id"], "grant_type": "refresh_token"}
    with zoom.fault(hold="after", **about) as fault:
        asked = threading.Thread(target=joiner.refresh)
        asked.start()
        zoom.wait_for_requests(1, state="in_flight", **about)
        with stack.database.held():
            (attempt,) = attempts_of(joiner)
            assert not attempt.is_over
            wait_until(lambda: attempts_of(joiner)[0].is_over, what="the end of the attempt")
        asked.join()
    rotation, attempts = evidence(joiner, {fault["id"]})
    assert attempts == [attempt._replace(is_over=True)] and attempt.holder != 0
    assert explain(rotation, attempts, []) == (DROPPED, 0)
