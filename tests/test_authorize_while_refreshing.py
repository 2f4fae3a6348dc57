"""Zoom voids a user's older grant as it takes a new code, and its answer comes later: what it refuses
meanwhile disconnects nobody."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support import time_travel
from support.waiting import wait_until
from support.webhook_receiver import WebhookReceiver
from support.zoom_user import connect_user
from test_disconnect_once import Witness

ASKERS = {
    "bots": lambda joiner: joiner.zoom_tokens(),
    "zoom_oauth_connections": lambda joiner: joiner.refresh(),
    "worker": lambda joiner: time_travel.run_upkeep(joiner.stack, joiner.id),
}
EXCHANGE = {"path": "/oauth/token", "grant_type": "authorization_code"}


@pytest.fixture
def witness(stack, zoom, api, secrets):
    with WebhookReceiver() as receiver:
        yield Witness(stack, zoom, api, receiver, secrets)


@contextmanager
def held_exchange(zoom, user):
    """Zoom has taken the code that the user brings, and holds its answer: `release()` lets go and gives ours."""
    grant = user.grant()
    with ThreadPoolExecutor(1) as pool, \
            zoom.fault(**EXCHANGE, client_id=user.client_id, user_id=user.user_id, hold="after") as fault:
        posted = pool.submit(user.authorize)
        wait_until(lambda: user.grant() not in (None, grant), what="the exchange")

        def release():
            zoom.release_fault(fault["id"])
            return posted.result(timeout=30)

        yield release


def wait_for_refusal(joiner):
    wait_until(lambda: joiner.refreshes(status=400) == 1, what="Zoom's refusal")


@pytest.mark.parametrize("asker", ASKERS)
def test_a_refresh_that_is_refused_while_the_user_authorizes_again_waits_for_the_new_tokens(zoom, witness, asker):
    joiner = witness.joiner
    time_travel.expire_access_token(joiner.stack, joiner.id)
    with held_exchange(zoom, joiner.connected) as release, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ASKERS[asker], joiner)
        wait_for_refusal(joiner)
        assert joiner.read()["state"] == "connected"
        assert release().must_be(201).json["id"] == joiner.id
        answer = asked.result(timeout=30)
    if asker == "bots":
        assert answer["join_flow"] == "token"
    assert joiner.read()["state"] == "connected"
    assert witness.disconnects() == [] and witness.notifications() == []
    assert joiner.joins()


def test_who_has_gone_is_disconnected_as_soon_as_the_authorizations_of_before_are_over(zoom, witness):
    joiner = witness.joiner
    before, after = (connect_user(joiner.api, zoom, like=joiner.connected) for _ in range(2))
    zoom.remove_grant(**joiner.who, event=False)
    with held_exchange(zoom, before) as release, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(joiner.refresh)
        wait_for_refusal(joiner)
        with held_exchange(zoom, after):
            assert joiner.read()["state"] == "connected"
            release().must_be(201)
            assert asked.result(timeout=30).must_be(200).json["state"] == "disconnected"
    assert witness.disconnects() == ["invalid_grant"]
    assert before.read()["state"] == after.read()["state"] == "connected"


def test_who_has_no_time_left_to_wait_leaves_open_what_the_refusal_means(zoom, private_stack, secrets):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=5000)
    with WebhookReceiver() as receiver:
        witness = Witness(stack, zoom, stack.create_project().api, receiver, secrets)
        joiner = witness.joiner
        with joiner.spoil_refresh(hold="before") as fault, ThreadPoolExecutor(1) as pool:
            asked = pool.submit(joiner.refresh)
            joiner.wait_for_refresh_under_way()
            with held_exchange(zoom, joiner.connected):
                zoom.release_fault(fault["id"])
                refused = asked.result(timeout=30).must_be(503)
                assert refused.code == "zoom_unavailable" and "an authorization is under way" in refused.json["error"]
        assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
        assert witness.disconnects() == [] and joiner.joins()


def test_a_refusal_while_new_tokens_wait_for_zoom_to_say_whose_they_are_disconnects_nobody(zoom, witness):
    """Nobody works on them at the moment: Zoom's API was away, so that the post was 503 and the worker comes later."""
    joiner, user = witness.joiner, witness.joiner.connected
    known, user_id = user.answer, user.user_id
    with zoom.fault(path="/v2/users/me", client_id=user.client_id, user_id=user_id, status=503, times=None):
        user.authorize().must_be(503)
        refused = joiner.refresh().must_be(503)
    assert refused.code == "zoom_unavailable" and "an authorization is under way" in refused.json["error"]
    user.answer = known
    assert joiner.refreshes(status=400) == 1 and joiner.read()["state"] == "connected"
    time_travel.write(joiner.stack, "UPDATE zoom_authorizations SET next_attempt_at = 1 WHERE exchanged_at = "
                      "(SELECT max(exchanged_at) FROM zoom_authorizations) AND next_attempt_at IS NOT NULL")
    time_travel.ring(joiner.stack)
    wait_until(lambda: joiner.read()["updated_at"] > known.json["updated_at"], what="the worker's end of it")
    assert witness.disconnects() == [] and witness.notifications() == []
    assert joiner.joins()
