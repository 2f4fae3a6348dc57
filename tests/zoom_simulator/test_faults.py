import contextlib
import http.client
import json
import threading
import time
from email.utils import parsedate_to_datetime

import pytest

from .client import SimulatorError
from .conftest import Tenant, http_call

LOST = (ConnectionError, http.client.HTTPException)


def test_a_status_replaces_the_answer_and_the_effect(tenant):
    made = tenant.connect()
    tenant.zoom.add_fault(client_id=tenant.client_id, grant_type="refresh_token", status=503,
                          body={"reason": "busy"}, headers={"X-Odd": "yes"}, times=2)
    for _ in range(2):
        failed = tenant.refresh(made["refresh_token"])
        assert (failed.status, failed.json) == (503, {"reason": "busy"})
        assert failed.headers["x-odd"] == "yes"
    assert tenant.refresh(made["refresh_token"]).status == 200


def test_an_answer_can_be_lost_after_the_rotation(tenant):
    made = tenant.connect()
    tenant.zoom.add_fault(client_id=tenant.client_id, path="/oauth/token", drop="after")
    with pytest.raises(LOST):
        tenant.refresh(made["refresh_token"])
    grant = tenant.zoom.grant(tenant.client_id, tenant.user_id)
    assert grant["refreshes"] == 1 and grant["refresh_token"] != made["refresh_token"]
    assert tenant.refresh(made["refresh_token"]).status == 400


@pytest.mark.parametrize("how", ["reset", "fin"])
def test_a_connection_can_be_lost_before_the_effect(tenant, how):
    made = tenant.connect()
    tenant.zoom.add_fault(client_id=tenant.client_id, drop="before", drop_with=how)
    expected = ConnectionResetError if how == "reset" else http.client.RemoteDisconnected
    with pytest.raises(expected) as caught:
        tenant.refresh(made["refresh_token"])
    assert type(caught.value) is expected
    assert tenant.refresh(made["refresh_token"]).status == 200


def test_a_status_can_hide_an_effect_that_happened(tenant):
    made = tenant.connect()
    tenant.zoom.add_fault(client_id=tenant.client_id, status=502, html=True, effect=True)
    hidden = tenant.refresh(made["refresh_token"])
    assert hidden.status == 502 and hidden.body.startswith(b"<!DOCTYPE html>")
    assert tenant.refresh(made["refresh_token"]).json["reason"] == "Invalid Token!"


def test_the_log_tells_what_zoom_did_in_truth_whatever_the_answer_was(tenant):
    made = tenant.connect()
    for fault in {"drop": "before"}, {"status": 503}, {"drop": "after"}, {"drop": "after"}:
        tenant.zoom.add_fault(client_id=tenant.client_id, **fault)
        with contextlib.suppress(*LOST):
            tenant.refresh(made["refresh_token"])
    calls = tenant.zoom.requests(client_id=tenant.client_id, grant_type="refresh_token")["requests"]
    assert [(call["status"], call["effect_status"]) for call in calls] == [
        ("dropped", None), (503, None), ("dropped", 200), ("dropped", 400)]


def test_json_can_be_broken_and_answers_truncated(tenant):
    token = tenant.connect()["access_token"]
    tenant.zoom.add_fault(client_id=tenant.client_id, broken_json=True)
    broken = tenant.get("/users/me", token)
    assert broken.status == 200
    with pytest.raises(ValueError):
        broken.json
    tenant.zoom.add_fault(client_id=tenant.client_id, truncate_bytes=5)
    with pytest.raises(http.client.IncompleteRead) as caught:
        tenant.get("/users/me", token)
    assert len(caught.value.partial) == 5


def test_answers_can_be_delayed_and_dribbled(tenant):
    token = tenant.connect()["access_token"]
    tenant.zoom.add_fault(client_id=tenant.client_id, delay_ms=150)
    started = time.monotonic()
    assert tenant.get("/users/me", token).status == 200
    assert time.monotonic() - started >= 0.15
    tenant.zoom.add_fault(client_id=tenant.client_id, status=200, body={"a": 1}, byte_delay_ms=20)
    started = time.monotonic()
    assert tenant.get("/users/me", token).json == {"a": 1}
    assert time.monotonic() - started >= 0.12


def test_a_client_that_gives_up_during_a_delay_harms_nobody(zoom, tenant):
    token = tenant.connect()["access_token"]
    zoom.clear_requests(tenant.client_id)
    fault = zoom.add_fault(client_id=tenant.client_id, delay_ms=100, times=None)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            http_call(f"{zoom.api_url}/users/me", timeout_s=0.02,
                      headers={"Authorization": f"Bearer {token}"})
    zoom.wait_for_requests(5, client_id=tenant.client_id, state="finished")
    zoom.clear_fault(fault["id"])
    assert tenant.get("/users/me", token).status == 200


def test_delayed_requests_overlap(zoom, tenant):
    zoom.add_fault(client_id=tenant.client_id, delay_ms=400, times=None)
    callers = [threading.Thread(target=tenant.token_call,
                                kwargs={"grant_type": "client_credentials"}) for _ in range(10)]
    started = time.monotonic()
    for each in callers:
        each.start()
    for each in callers:
        each.join(10)
    assert time.monotonic() - started < 10 * 0.4
    assert zoom.requests(client_id=tenant.client_id)["max_concurrent"] > 1


def test_a_body_can_be_huge(tenant):
    token = tenant.connect()["access_token"]
    tenant.zoom.add_fault(client_id=tenant.client_id, huge_bytes=10_000_000)
    assert len(tenant.get("/users/me", token).json["padding"]) == 10_000_000


def test_retry_after_comes_in_three_forms(tenant):
    token = tenant.connect()["access_token"]
    for form in ("seconds", "http_date", "iso8601"):
        tenant.zoom.add_fault(client_id=tenant.client_id, status=429, retry_after=form,
                              retry_after_s=90)
    seconds, date, iso = (tenant.get("/users/me", token).headers["retry-after"] for _ in range(3))
    assert seconds == "90"
    assert abs(parsedate_to_datetime(date).timestamp() - time.time() - 90) < 5
    assert abs(time.mktime(time.strptime(iso, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
               - time.time() - 90) < 5


def test_the_rate_limits_have_zooms_bodies_and_headers(tenant):
    token = tenant.connect()["access_token"]
    for limit in ("per_second", "daily"):
        tenant.zoom.add_fault(client_id=tenant.client_id, rate_limit=limit)
    per_second, daily = (tenant.get("/users/me", token) for _ in range(2))
    assert per_second.json == {"code": 429, "message": "You have reached the maximum per-second "
                                                       "rate limit for this API. Try again later."}
    assert per_second.headers["x-ratelimit-type"] == "QPS"
    assert int(per_second.headers["x-ratelimit-reset"]) >= time.time() - 1
    assert daily.status == 429 and "maximum daily rate limit" in daily.json["message"]
    assert daily.headers["x-ratelimit-type"] == "Daily-limit"
    time.strptime(daily.headers["retry-after"], "%Y-%m-%dT00:00:00Z")


def test_a_fault_hits_only_what_it_names(zoom, tenant):
    token = tenant.connect()["access_token"]
    other = Tenant(zoom)
    second = zoom.create_user()
    second_token = tenant.connect(second["id"])["access_token"]
    fault = zoom.add_fault(client_id=tenant.client_id, user_id=tenant.user_id, method="GET",
                           path="/v2/users/*", status=500, times=None)
    assert other.get("/users/me", other.connect()["access_token"]).status == 200
    assert tenant.get("/users/me", second_token).status == 200
    assert tenant.get(f"/meetings/{tenant.user['pmi']}/jointoken/local_recording",
                      token).status == 200
    for _ in range(3):
        assert tenant.get("/users/me", token).status == 500
    assert zoom.get_fault(fault["id"])["hits"] == 3
    assert zoom.clear_faults(tenant.client_id) == 1
    assert tenant.get("/users/me", token).status == 200


def test_the_third_request_alone_can_be_hit(tenant):
    token = tenant.connect()["access_token"]
    tenant.zoom.add_fault(client_id=tenant.client_id, status=500, skip=2, times=1)
    assert [tenant.get("/users/me", token).status for _ in range(4)] == [200, 200, 500, 200]


@pytest.mark.parametrize("when, refreshed", [("before", 0), ("after", 1)])
def test_requests_can_be_held_before_or_after_the_effect(tenant, when, refreshed):
    made = tenant.connect()
    fault = tenant.zoom.add_fault(client_id=tenant.client_id, grant_type="refresh_token", hold=when)
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(tenant.refresh(made["refresh_token"])))
    waiting.start()
    tenant.zoom.wait_for_requests(1, client_id=tenant.client_id, state="in_flight")
    if when == "before":
        assert tenant.zoom.grant(tenant.client_id, tenant.user_id)["refreshes"] == 0
    else:
        wait_until(lambda: tenant.zoom.grant(tenant.client_id, tenant.user_id)["refreshes"] == 1)
    assert answers == []
    tenant.zoom.release_fault(fault["id"])
    waiting.join(10)
    assert answers[0].status == 200


def wait_until(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_log_counts_and_knows_how_many_came_at_once(zoom, tenant):
    fault = zoom.add_fault(client_id=tenant.client_id, hold="before", times=None)
    callers = [threading.Thread(target=tenant.token_call,
                                kwargs={"grant_type": "client_credentials"}) for _ in range(20)]
    for each in callers:
        each.start()
    report = zoom.wait_for_requests(20, client_id=tenant.client_id, state="in_flight")
    assert report["max_concurrent"] == report["in_flight"] == 20
    zoom.clear_fault(fault["id"])
    for each in callers:
        each.join(10)
    for _ in range(3):
        tenant.token_call(grant_type="client_credentials")
    report = zoom.requests(client_id=tenant.client_id)
    assert (report["total"], report["max_concurrent"], report["in_flight"]) == (23, 20, 0)
    assert report["by_route"] == {"POST /oauth/token": {"count": 23, "max_concurrent": 20}}


def test_the_log_can_be_filtered_and_cleared(zoom, tenant):
    made = tenant.connect()
    tenant.refresh(made["refresh_token"])
    tenant.refresh("eyJ.unknown")
    tenant.get("/users/me", made["access_token"])
    own = {"client_id": tenant.client_id}
    assert zoom.count_requests(**own) == 4
    assert zoom.count_requests(**own, grant_type="refresh_token") == 2
    assert zoom.count_requests(**own, grant_type="refresh_token", status=400) == 1
    assert zoom.count_requests(**own, path="/v2/users/*", method="GET") == 1
    assert zoom.count_requests(user_id=tenant.user_id) == 3
    last = zoom.requests(**own, limit=1)["requests"]
    assert [each["path"] for each in last] == ["/v2/users/me"]
    zoom.clear_requests(tenant.client_id)
    assert zoom.count_requests(**own) == 0
    with pytest.raises(SimulatorError):
        zoom.requests(colour="red")
    with pytest.raises(AssertionError):
        zoom.wait_for_requests(1, timeout_s=0.02, **own)


def test_mistakes_in_control_calls_are_refused(zoom, tenant):
    for wrong in ({"colour": "red"}, {"hold": "sometimes"}, {"drop": "never"}):
        with pytest.raises(SimulatorError):
            zoom.add_fault(**wrong, client_id=tenant.client_id)
    assert zoom.faults(tenant.client_id) == []
    for call in (lambda: zoom.create_user(colour="red"), lambda: zoom.create_app(colour="red"),
                 lambda: zoom.create_meeting("nobody"), lambda: zoom.user("nobody"),
                 lambda: zoom.authorize(tenant.client_id, "nobody"),
                 lambda: zoom.change_settings(colour="red"),
                 lambda: zoom.change_user(tenant.user_id, colour="red"),
                 lambda: zoom.send_event(tenant.client_id, {})):
        with pytest.raises(SimulatorError):
            call()
    for body in ("[1]", "{", '"x"'):
        status, text = zoom.exchange("POST", "/_simulator/faults", body)
        assert status == 400 and json.loads(text)["error"]
