"""One refresh however many ask, and no failure that costs a user who has not gone."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support import time_travel
from support.joiner import JOIN_TOKEN, make_joiner
from support.processes import cpu_s, kill, pids_of
from support.waiting import wait_until



@pytest.fixture
def make(stack, zoom, api):
    """`make()`: a joiner of the shared stack, in the test's project."""
    return lambda **arguments: make_joiner(stack, zoom, api, **arguments)


@pytest.fixture
def joiner(make):
    return make()


@contextmanager
def asking(*questions):
    """All of them at once, while the block runs; gives their futures."""
    with ThreadPoolExecutor(len(questions)) as pool:
        yield [pool.submit(question) for question in questions]


def ask_all(*questions):
    with asking(*questions) as futures:
        return [future.result() for future in futures]


# The cached token


def test_a_cached_access_token_is_shared_by_all_who_ask(joiner):
    answers = ask_all(*[joiner.zoom_tokens] * 30)
    assert {answer["join_flow"] for answer in answers} == {"token"}
    assert len({answer["app_privilege_token"] for answer in answers}) == 30
    assert joiner.refreshes() == 0


def test_an_expired_token_costs_one_refresh_however_many_ask_in_however_many_processes(
        private_stack, zoom):
    stack = private_stack(processes=3, HALLPASS_ZOOM_TIMEOUT_MS=8000)
    project = stack.create_project()
    joiner = make_joiner(stack, zoom, project.api)
    synced_at = joiner.read()["last_successful_sync_at"]
    time_travel.expire_access_token(stack, joiner.id)

    def ask_by_cgi():
        return project.cgi("bots", "POST", f"/api/v1/bots/{joiner.bot['id']}/zoom_tokens").json

    # So slow that who comes second could not try it once more, and still in time.
    with joiner.spoil_refresh(delay_ms=5000):
        time_travel.make_sync_due(stack, joiner.id)
        answers = ask_all(*[joiner.zoom_tokens] * 500, *[ask_by_cgi] * 4)
    assert {answer["join_flow"] for answer in answers} == {"token"}
    wait_until(lambda: joiner.read()["last_successful_sync_at"] > synced_at, what="the worker's sync")
    assert joiner.refreshes() == 1


def test_who_asks_while_the_worker_refreshes_gets_what_the_worker_brings(joiner, stack):
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="before") as fault:
        time_travel.make_refresh_due(stack, joiner.id)
        joiner.wait_for_refresh_under_way()
        with asking(*[joiner.zoom_tokens] * 3) as answers:
            time.sleep(0.3)  # for all of them to find that the lease is taken
            joiner.zoom.release_fault(fault["id"])
        assert [answer.result()["join_flow"] for answer in answers] == ["token"] * 3
    assert joiner.refreshes() == 1


def test_who_waits_for_another_process_neither_works_nor_keeps_others_from_writing(joiner, stack, api):
    (pid,) = pids_of(stack, "bots")
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="before") as fault:
        time_travel.make_refresh_due(stack, joiner.id)
        joiner.wait_for_refresh_under_way()
        with asking(*[joiner.zoom_tokens] * 20) as answers:
            time.sleep(0.3)  # for all of them to find that the lease is taken
            before, started = cpu_s(pid), time.monotonic()
            time.sleep(3)  # beside which it is little what those cost that come late
            share = (cpu_s(pid) - before) / (time.monotonic() - started)
            api.post("/api/v1/bots", json={"meeting_url": joiner.bot["meeting_url"]}).must_be(201)
            assert not any(answer.done() for answer in answers)
            joiner.zoom.release_fault(fault["id"])
        assert {answer.result()["join_flow"] for answer in answers} == {"token"}
    assert share < 0.1, "of a processor"
    assert joiner.refreshes() == 1


def test_who_waits_for_another_process_gives_up_in_time_with_the_standard_flow(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=2000)
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    time_travel.expire_access_token(stack, joiner.id)
    # Somebody who lives has the lease, for 7 s, and does not come back.
    with joiner.spoil_refresh(hold="before", drop="before", times=None):
        time_travel.make_refresh_due(stack, joiner.id)
        joiner.wait_for_refresh_under_way()
        started = time.monotonic()
        answers = ask_all(*[joiner.zoom_tokens] * 10)
        assert time.monotonic() - started < 6
    assert {(answer["join_flow"], answer["join_flow_reason"]) for answer in answers} == {("standard", "timeout")}
    wait_until(joiner.joins, what="joining with a token again")


def test_refreshes_of_different_connections_do_not_wait_for_each_other(make):
    slow, quick = make(), make()
    slow.expire_at_zoom()
    quick.expire_at_zoom()
    with slow.spoil_refresh(hold="before") as fault, asking(slow.zoom_tokens) as (answer,):
        slow.wait_for_refresh_under_way()
        assert quick.zoom_tokens()["join_flow"] == "token"
        assert not answer.done()
        slow.zoom.release_fault(fault["id"])
        assert answer.result()["join_flow"] == "token"
    assert quick.refreshes() == slow.refreshes() == 1


# A token that Zoom's API refuses


def test_a_token_that_the_api_refuses_is_refreshed_once_and_the_call_made_once_more(joiner):
    joiner.expire_at_zoom()
    assert joiner.zoom_tokens()["join_flow"] == "token"
    calls = joiner.zoom.requests(path=JOIN_TOKEN, **joiner.who)["requests"]
    assert [call["status"] for call in calls] == [401, 200]
    assert joiner.refreshes() == 1


def test_many_whose_token_is_refused_cost_one_refresh_together(joiner):
    joiner.expire_at_zoom()
    answers = ask_all(*[joiner.zoom_tokens] * 20)
    assert {answer["join_flow"] for answer in answers} == {"token"}
    assert joiner.refreshes() == 1


def test_a_new_token_that_the_api_refuses_as_well_is_not_refreshed_again_and_again(joiner):
    refusal = {"code": 124, "message": "Invalid access token."}
    with joiner.zoom.fault(path=JOIN_TOKEN, status=401, body=refusal, times=None, **joiner.who):
        answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "invalid_access_token")
    assert answer["zoom"]["status"] == 401 and answer["zoom"]["reason"] == "Invalid access token."
    assert joiner.refreshes() == 1
    assert joiner.zoom.count_requests(path=JOIN_TOKEN, **joiner.who) == 2
    assert joiner.read()["state"] == "connected"
    assert joiner.joins()


# Rotation


def test_the_refresh_token_that_came_last_is_the_one_that_is_kept(joiner):
    for count in range(1, 4):
        refreshed_at = joiner.read()["last_token_refresh_at"]
        assert joiner.refresh().must_be(200).json["state"] == "connected"
        assert joiner.read()["last_token_refresh_at"] > refreshed_at
        assert joiner.connected.grant()["refreshes"] == count
    joiner.expire_at_zoom()
    assert joiner.joins()
    assert joiner.connected.grant()["refreshes"] == 4
    assert joiner.refreshes() == joiner.refreshes(status=200) == 4


def test_a_refresh_that_brings_no_new_refresh_token_keeps_the_old_one(joiner):
    grant = joiner.connected.grant()
    tokens = {"access_token": grant["access_tokens"][0]["token"], "token_type": "bearer",
              "expires_in": 3599, "scope": "user:read:user"}
    with joiner.spoil_refresh(status=200, body=tokens):
        assert joiner.refresh().must_be(200).json["state"] == "connected"
    assert joiner.refresh().must_be(200).json["state"] == "connected"
    assert joiner.refreshes(status=200) == 2


# A dead grant


def test_a_revoked_user_is_disconnected_with_zooms_words_and_comes_back_under_the_same_id(joiner):
    joiner.zoom.remove_grant(**joiner.who, event=False)
    answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "connection_disconnected")
    assert answer["app_privilege_token"] is None
    assert answer["zoom"]["status"] == 400
    assert (answer["zoom"]["code"], answer["zoom"]["reason"]) == ("invalid_grant", "Invalid Token!")
    connection = joiner.read()
    failure = connection["connection_failure_data"]
    assert connection["state"] == "disconnected" and failure["code"] == "invalid_grant"
    assert "Invalid Token!" in failure["error"] and failure["timestamp"] <= connection["updated_at"]

    asked = joiner.zoom.count_requests(**joiner.who)
    answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "connection_disconnected")
    assert joiner.zoom.count_requests(**joiner.who) == asked

    assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
    assert joiner.read()["state"] == "connected" and not joiner.read()["connection_failure_data"]
    assert joiner.joins()


def test_the_check_of_a_revoked_user_tells_so_as_its_answer(joiner):
    joiner.zoom.remove_grant(**joiner.who, event=False)
    connection = joiner.refresh().must_be(200).json
    assert connection["state"] == "disconnected"
    assert connection["connection_failure_data"]["code"] == "invalid_grant"


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_authorization_in_the_middle_of_a_refresh_wins(joiner, when):
    zoom = joiner.zoom
    joiner.expire_at_zoom()
    with joiner.spoil_refresh(hold=when) as fault, asking(joiner.zoom_tokens) as (answer,):
        joiner.wait_for_refresh_under_way()
        assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
        zoom.release_fault(fault["id"])
        assert answer.result()["join_flow"] == "token"
    assert joiner.read()["state"] == "connected"
    assert joiner.connected.grant()["generation"] == 2
    # What is kept is the new grant's: Zoom takes its refresh token.
    assert joiner.refresh().must_be(200).json["state"] == "connected"
    assert joiner.connected.grant()["refreshes"] == 1
    assert joiner.joins()


# A refused app


def test_a_refused_app_is_marked_and_its_users_are_not(make, api, zoom):
    ada = make()
    bob = make(like=ada.connected)
    app = f"/api/v1/zoom_oauth_apps/{ada.connected.app_id}"
    zoom.change_app(ada.connected.client_id, client_secret="a-new-secret-at-zoom")
    for joiner in ada, bob:
        joiner.expire_at_zoom()
        answer = joiner.zoom_tokens()
        assert (answer["join_flow"], answer["join_flow_reason"]) == (
            "standard", "app_credentials_invalid")
        assert answer["zoom"]["code"] == "invalid_client"
        assert joiner.refresh().must_be(502).code == "zoom_error"
        connection = joiner.read()
        assert connection["state"] == "connected" and connection["connection_failure_data"] is None
    assert api.get(app).json["state"] == "credentials_invalid"

    refused = api.patch(app, json={"client_secret": "another-wrong-secret"})
    assert refused.must_be(400).code == "invalid_client_credentials"
    assert api.get(app).json["state"] == "credentials_invalid"
    assert not ada.joins()

    healed = api.patch(app, json={"client_secret": "a-new-secret-at-zoom"}).must_be(200).json
    assert healed["state"] == "active"
    assert ada.joins() and bob.joins()


def test_an_app_that_zoom_takes_again_is_active_again_by_itself(joiner, api, zoom):
    app = f"/api/v1/zoom_oauth_apps/{joiner.connected.app_id}"
    secret = zoom.app(joiner.connected.client_id)["client_secret"]
    joiner.expire_at_zoom()
    zoom.change_app(joiner.connected.client_id, client_secret="changed-by-mistake")
    assert not joiner.joins()
    assert api.get(app).json["state"] == "credentials_invalid"
    zoom.change_app(joiner.connected.client_id, client_secret=secret)
    assert joiner.joins()
    assert api.get(app).json["state"] == "active"


def test_a_refusal_of_the_secret_of_before_marks_no_app_and_the_new_one_is_used(joiner, api, zoom):
    app, new = f"/api/v1/zoom_oauth_apps/{joiner.connected.app_id}", "a-secret-that-came-in-between"
    joiner.expire_at_zoom()
    zoom.change_app(joiner.connected.client_id, client_secret=new)
    with joiner.spoil_refresh(hold="after") as fault, asking(joiner.zoom_tokens) as (answer,):
        joiner.wait_for_refresh_under_way()
        assert api.patch(app, json={"client_secret": new}).must_be(200).json["state"] == "active"
        zoom.release_fault(fault["id"])
        assert answer.result()["join_flow"] == "token"
    assert api.get(app).json["state"] == "active"
    assert "credentials_invalid" not in {entry["type"] for entry in api.get(f"{app}/log").json["results"]}
    assert joiner.refreshes() == 2 and joiner.refreshes(status=200) == 1


# What passes

PASSING = {
    "429 with seconds": ("rate_limited", {"rate_limit": "per_second", "retry_after": "seconds"}),
    "429 with a date": ("rate_limited", {"rate_limit": "per_second", "retry_after": "http_date"}),
    "429 with ISO 8601": ("rate_limited", {"rate_limit": "per_second", "retry_after": "iso8601"}),
    "429 in HTML": ("rate_limited", {"status": 429, "html": True}),
    "500": ("unavailable", {"status": 500}),
    "502 in HTML": ("unavailable", {"status": 502, "html": True}),
    "503 with Retry-After": ("unavailable", {"status": 503, "retry_after": "seconds"}),
    "200 in HTML": ("unavailable", {"status": 200, "html": True}),
    "400 in HTML": ("unavailable", {"status": 400, "html": True}),
    "200 without tokens": ("unavailable", {"status": 200, "body": {"token_type": "bearer"}}),
    "broken JSON": ("unavailable", {"status": 200, "body": '{"access_token": "a'}),
    "10 MB": ("unavailable", {"huge_bytes": 10_000_000}),
    "a reset": ("unavailable", {"drop": "before"}),
    "an end": ("unavailable", {"drop": "before", "drop_with": "fin"}),
}


@pytest.mark.parametrize("reason, fault", PASSING.values(), ids=PASSING)
def test_what_passes_costs_one_join_and_no_user(joiner, reason, fault):
    joiner.expire_at_zoom()
    with joiner.spoil_refresh(retry_after_s=1, **fault):
        answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", reason)
    assert answer["app_privilege_token"] is None
    assert answer["zoom"]["status"] == (None if "drop" in fault or "huge_bytes" in fault
                                        else fault.get("status", 429))
    connection = joiner.read()
    assert connection["state"] == "connected" and connection["connection_failure_data"] is None
    wait_until(joiner.joins, what="joining with a token again")
    assert joiner.read()["state"] == "connected"


@pytest.mark.parametrize("form", ["seconds", "http_date", "iso8601"])
def test_a_rate_limit_is_passed_on_with_the_time_that_zoom_named(joiner, form):
    with joiner.spoil_refresh(rate_limit="per_second", retry_after=form, retry_after_s=40):
        answer = joiner.refresh().must_be(503)
    assert answer.code == "zoom_unavailable"
    assert answer.json["details"]["zoom"]["status"] == 429
    assert 30 <= int(answer.headers["retry-after"]) <= 41


DAILY = {"rate_limit": "daily", "retry_after": "iso8601", "retry_after_s": 5 * 3600, "times": None}


def test_a_daily_limit_of_the_token_endpoint_is_met_once_by_each_process(joiner, stack):
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(**DAILY):
        answers = [joiner.zoom_tokens() for _ in range(5)]
    assert {(answer["join_flow"], answer["join_flow_reason"]) for answer in answers} == {("standard", "rate_limited")}
    assert answers[0]["zoom"]["status"] == 429
    assert answers[-1]["zoom"]["status"] is None and "is not asked again before 20" in answers[-1]["zoom"]["reason"]
    assert joiner.refreshes() == 1
    assert joiner.read()["state"] == "connected"
    # What the user authorizes anew has a new token, of which Zoom has not said anything.
    joiner.connected.authorize().must_be(201)
    assert joiner.joins()


def test_a_daily_limit_of_one_call_is_met_once_and_keeps_nobody_from_another(make, zoom):
    ada = make()
    bob = make(like=ada.connected)
    with zoom.fault(path=JOIN_TOKEN, **DAILY, **ada.who):
        assert [ada.zoom_tokens()["join_flow_reason"] for _ in range(5)] == ["rate_limited"] * 5
    assert zoom.count_requests(path=JOIN_TOKEN, **ada.who) == 1
    assert bob.joins()
    assert ada.refresh().must_be(200).json["state"] == "connected"


def test_an_unknown_refusal_costs_no_user_either(joiner):
    refusal = {"reason": "something that nobody has seen yet", "error": "invalid_request"}
    joiner.expire_at_zoom()
    with joiner.spoil_refresh(status=400, body=refusal):
        answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "refused")
    assert answer["zoom"]["reason"] == refusal["reason"]
    assert joiner.read()["state"] == "connected"
    wait_until(joiner.joins)


def test_a_refusal_with_the_longest_code_is_told_though_it_is_no_ascii(joiner, stack):
    """All of it that an answer of ours repeats, down to the last character."""
    code = "é" * 32
    programs = pids_of(stack, "bots")
    joiner.expire_at_zoom()
    with joiner.spoil_refresh(status=400, body={"reason": "no", "error": code}):
        assert joiner.zoom_tokens()["zoom"]["code"] == code
    assert pids_of(stack, "bots") == programs


# What was cut off


def test_an_answer_that_got_lost_is_told_apart_from_a_revocation(joiner):
    joiner.expire_at_zoom()
    with joiner.spoil_refresh(drop="after"):
        assert joiner.zoom_tokens()["join_flow_reason"] == "unavailable"
    assert joiner.read()["state"] == "connected"
    wait_until(lambda: joiner.zoom_tokens()["join_flow_reason"] == "connection_disconnected")
    failure = joiner.read()["connection_failure_data"]
    assert failure["code"] == "refresh_interrupted"
    assert "Invalid Token!" in failure["error"] and "interrupted" in failure["error"]


def test_a_refresh_that_was_cut_off_in_vain_is_forgotten_with_the_next_success(joiner):
    with joiner.spoil_refresh(drop="before"):
        joiner.refresh().must_be(503)
    wait_until(lambda: joiner.refresh().status == 200, what="a refresh that works")
    joiner.zoom.remove_grant(**joiner.who, event=False)
    joiner.refresh().must_be(200)
    assert joiner.read()["connection_failure_data"]["code"] == "invalid_grant"


def test_a_holder_that_is_killed_costs_no_user_unless_zoom_had_rotated(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=2000)
    api = stack.create_project().api
    spared, lost = (make_joiner(stack, zoom, api) for _ in range(2))
    spared.expire_at_zoom()
    lost.expire_at_zoom()

    def ask(joiner):
        return api.post(f"/api/v1/bots/{joiner.bot['id']}/zoom_tokens").status

    with (spared.spoil_refresh(hold="before", drop="before"), lost.spoil_refresh(hold="after"),
          asking(lambda: ask(spared), lambda: ask(lost)) as answers):
        spared.wait_for_refresh_under_way()
        lost.wait_for_refresh_under_way()
        kill(stack, "bots")
        assert [answer.result() for answer in answers] == [503, 503]
    wait_until(spared.joins, what="another taking over")
    assert spared.read()["state"] == "connected"
    wait_until(lambda: lost.zoom_tokens()["join_flow_reason"] == "connection_disconnected",
               what="finding out")
    assert lost.read()["connection_failure_data"]["code"] == "refresh_interrupted"
    lost.connected.authorize().must_be(201)
    assert lost.joins()


# A slow Zoom


def test_a_zoom_that_never_answers_keeps_nobody_waiting_beyond_the_time_out(private_stack, zoom):
    timeout_s, grace_s = 4, 3.5
    stack = private_stack(HALLPASS_THREADS=8, HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000)
    api = stack.create_project().api
    joiner = make_joiner(stack, zoom, api)

    def time_tokens():
        started = time.monotonic()
        return joiner.zoom_tokens(), time.monotonic() - started

    slowest_s = 0
    with zoom.fault(path=JOIN_TOKEN, hold="before", times=None, **joiner.who) as fault:
        with asking(*[time_tokens] * 30) as answers:
            zoom.wait_for_requests(4, path=JOIN_TOKEN, state="in_flight", **joiner.who)
            while not any(answer.done() for answer in answers):
                started = time.monotonic()
                api.get(f"/api/v1/bots/{joiner.bot['id']}").must_be(200)
                slowest_s = max(slowest_s, time.monotonic() - started)
        zoom.release_fault(fault["id"])
    assert 0 < slowest_s < timeout_s / 2
    for answer in answers:
        tokens, duration_s = answer.result()
        assert tokens["join_flow"] == "standard"
        # Who came behind the first ones profits from what these have found out (test_circuit.py).
        assert tokens["join_flow_reason"] in ("timeout", "unavailable")
        assert duration_s < timeout_s + grace_s
    wait_until(joiner.joins)


def test_a_refresh_that_takes_too_long_is_answered_in_time_and_costs_no_user(private_stack, zoom):
    timeout_s = 3
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000)
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="before", drop="before"):
        started = time.monotonic()
        answers = ask_all(*[joiner.zoom_tokens] * 10)
        assert time.monotonic() - started < 2 * timeout_s
    assert {answer["join_flow_reason"] for answer in answers} == {"timeout"}
    assert joiner.read()["state"] == "connected"
    wait_until(joiner.joins)
    assert joiner.read()["state"] == "connected"


# A refresh that outlives who asked for it: Zoom refuses the access token late, and then takes its time. The bot has
# its answer in time, and the refresh goes on, for Zoom takes the old refresh token no more.

PATIENCE_MS, REFUSED_AFTER_MS = 6000, 2000  # a refresh is begun while half of the time is left


@pytest.fixture
def patient(private_stack, zoom):
    """A joiner of a stack with so much time that both parts of it are long beside what else takes time."""
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=PATIENCE_MS)
    return make_joiner(stack, zoom, stack.create_project().api)


def ask_in_vain(joiner):
    """Seconds until a bot is told that it took too long."""
    started = time.monotonic()
    answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "timeout")
    return time.monotonic() - started


def test_a_refresh_that_begins_late_keeps_no_bot_beyond_its_time_and_is_stored(patient):
    refreshed_at = patient.read()["last_token_refresh_at"]
    with patient.zoom.fault(path=JOIN_TOKEN, hold="before", **patient.who):
        usual_s = ask_in_vain(patient)
    with patient.refusal_that_comes_late(REFUSED_AFTER_MS, hold="after") as release:
        assert ask_in_vain(patient) < usual_s + REFUSED_AFTER_MS / 1000 * 0.8
        assert patient.refreshes(state="in_flight") == 1
        release()
        patient.wait_for_refresh_after(refreshed_at)
    assert patient.joins()
    assert patient.refreshes() == 1


def test_who_asks_while_a_refresh_goes_on_for_nobody_gets_what_it_brings(patient):
    with patient.refusal_that_comes_late(REFUSED_AFTER_MS, hold="after") as release:
        ask_in_vain(patient)
        time_travel.expire_access_token(patient.stack, patient.id)  # else each of them would ask Zoom first
        with asking(*[patient.zoom_tokens] * 5) as answers:
            time.sleep(0.3)  # for all of them to find that one is under way
            release()
        assert {answer.result()["join_flow"] for answer in answers} == {"token"}
    assert patient.refreshes() == 1


def threads_of(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_end_of_a_program_waits_for_a_refresh_that_nobody_waits_for(patient, by):
    (pid,) = pids_of(patient.stack, "bots")
    with patient.refusal_that_comes_late(REFUSED_AFTER_MS, hold="after") as release:
        ask_in_vain(patient)
        os.kill(pid, by)
        wait_until(lambda: threads_of(pid) <= 2, what="nothing but the refresh")
        wait_until(lambda: "ends when the refreshes under way are stored" in patient.stack.logs(), what="its word")
        release()
        wait_until(lambda: pid not in pids_of(patient.stack, "bots"), what="its end")
    wait_until(lambda: pids_of(patient.stack, "bots"), what="another one")
    assert patient.joins()
    assert patient.refreshes() == 1


@pytest.mark.parametrize("fault, costs_the_user", [
    ({"hold": "before", "drop": "before"}, False), ({"hold": "after"}, True)])
def test_a_program_that_is_killed_over_a_refresh_that_nobody_waits_for_costs_no_more_than_ever(
        patient, fault, costs_the_user):
    with patient.refusal_that_comes_late(REFUSED_AFTER_MS, **fault):
        ask_in_vain(patient)
        assert patient.refreshes(state="in_flight") == 1
        kill(patient.stack, "bots")
    if costs_the_user:
        wait_until(lambda: patient.zoom_tokens()["join_flow_reason"] == "connection_disconnected", what="finding out")
        assert patient.read()["connection_failure_data"]["code"] == "refresh_interrupted"
        patient.connected.authorize().must_be(201)
    wait_until(patient.joins, what="another taking over")
    assert patient.read()["state"] == "connected"
