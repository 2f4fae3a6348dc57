"""Engines are answered while they wait, however long Zoom may take."""

import time
from concurrent.futures import ThreadPoolExecutor

from support.joiner import make_joiner
from support.time_travel import expire_access_token, now
from support.token_callback import TokenCallback, attendee_body, no_token
from support.zoom_user import connect_user


def test_an_answer_comes_within_the_time_for_one_call_to_zoom(private_stack, zoom):
    timeout_s = 3
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000)
    project = stack.create_project()
    host = connect_user(project.api, zoom, is_onbehalf_token_supported=True)
    meeting = zoom.create_meeting(host.user_id, event=True)
    callback = TokenCallback(project.api, stack.anonymous, "attendee")
    with zoom.fault(client_id=host.client_id, path="/v2/*", delay_ms=60_000, times=None):
        started = now()
        assert callback.post("zoom_tokens_url", attendee_body(meeting["join_url"])).must_be(200).json == {}
    assert now() - started < 2 * timeout_s * 1_000_000
    assert callback.uses()[0]["outcome"] == "timeout"


def test_however_long_zoom_may_take_an_engine_is_answered_while_it_waits(private_stack, zoom):
    """Meeting BaaS gives up after 15 s, and of Recall.ai and MeetStream nobody has said."""
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=60_000)
    project = stack.create_project()
    host = connect_user(project.api, zoom, is_onbehalf_token_supported=True)
    callbacks = [TokenCallback(project.api, stack.anonymous, engine) for engine in ("recall", "meeting_baas", "meetstream")]

    def fetch(callback):
        started = now()
        name = next(name for name in callback.urls if "obf" in name)
        no_token(callback.get(name, zoom_user_id=host.user_id), "timeout")
        return now() - started

    with zoom.fault(client_id=host.client_id, path="/v2/users/me/token", delay_ms=120_000, times=None):
        with ThreadPoolExecutor(3) as pool:
            assert max(pool.map(fetch, callbacks)) < 15_000_000


def test_an_engine_that_waits_no_longer_cuts_no_refresh_off(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=60_000)
    project = stack.create_project()
    joiner = make_joiner(stack, zoom, project.api)
    refreshed_at = joiner.read()["last_token_refresh_at"]
    callback = TokenCallback(project.api, stack.anonymous, "recall")
    expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="after") as fault:
        no_token(callback.get("join_token_url", meeting_url=joiner.meeting["join_url"],
                              zoom_oauth_connection_id=joiner.id), "timeout")
        time.sleep(0.5)  # for a call that would end when the engine's patience does
        zoom.release_fault(fault["id"])
        joiner.wait_for_refresh_after(refreshed_at)
    assert joiner.joins()
    assert joiner.refreshes() == 1
