"""An authorization in which Zoom, or we, are interrupted: no token is lost, and who is lost is told why."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.authorization import (
    CONNECTIONS, TIME, connections_of, exchanges, must_have_working_credentials, post_code)
from support.processes import kill
from support.time_travel import now, ring, write
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI, ConnectedUser, register_app as register_app_of


# Zoom, or we, are interrupted

FAILURES = {
    "is down": ({"status": 500}, 503, "zoom_unavailable"),
    "hangs up": ({"drop": "before"}, 503, "zoom_unavailable"),
    "limits the rate": ({"rate_limit": "per_second"}, 503, "zoom_unavailable"),
    "answers with broken JSON": ({"broken_json": True}, 503, "zoom_unavailable"),
    "answers with a page": ({"status": 404, "html": True}, 503, "zoom_unavailable"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_code_is_good_for_another_try_where_zoom_at_the_exchange(failure, new_user, api, zoom):
    fault, status, code = FAILURES[failure]
    if failure == "answers with broken JSON":
        fault = {"status": 503, "body": "{\"broken"}
    user = new_user()
    with zoom.fault(client_id=user.client_id, path="/oauth/token", grant_type="authorization_code",
                    times=None, **fault):
        answer = user.authorize().must_be(status)
    assert answer.code == code and int(answer.headers["retry-after"]) > 0
    post_code(api, user, user.code).must_be(201)


@pytest.mark.parametrize("failure", FAILURES)
def test_no_tokens_are_lost_where_zoom_after_the_exchange(failure, new_user, api, zoom, project):
    fault, status, code = FAILURES[failure]
    user = new_user()
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", times=None, **fault):
        answer = user.authorize().must_be(status)
    assert answer.code == code and int(answer.headers["retry-after"]) > 0
    assert connections_of(project) == []
    made = post_code(api, user, user.code).must_be(201).json
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, made["id"])


def test_no_tokens_are_lost_where_zoom_is_too_slow_after_the_exchange(private_stack, zoom):
    api = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=2000).create_project().api
    app, registered = register_app_of(api, zoom)
    user = ConnectedUser(api, zoom, app, registered, zoom.create_user())
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="before"):
        answer = user.authorize().must_be(504)
    assert answer.code == "zoom_timeout"
    made = post_code(api, user, user.code).must_be(201).json
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, made["id"])


@pytest.fixture
def interrupted(private_stack, zoom):
    """Makes a user whose responder was killed between the exchange and users/me."""
    def make(**user_fields):
        stack = private_stack()
        project = stack.create_project()
        app, registered = register_app_of(project.api, zoom)
        user = ConnectedUser(project.api, zoom, app, registered, zoom.create_user(**user_fields))
        user.stack, user.project = stack, project
        with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="before"):
            caller = threading.Thread(target=user.authorize)
            caller.start()
            zoom.wait_for_requests(1, client_id=user.client_id, path="/v2/users/me", state="in_flight")
            kill(stack, "zoom_oauth_connections")
            caller.join()
        assert (user.answer.status, user.answer.code) == (503, "service_unavailable")
        assert connections_of(project) == []
        return user
    return make


def test_a_code_posted_again_after_a_crash_needs_no_second_exchange(interrupted, zoom):
    """… and need not wait until the lease of the dead runs out, which here is 25 s."""
    user = interrupted()
    assert user.stack.database.value("SELECT count(*) FROM zoom_authorizations WHERE lease_until > ?", now()) == 1
    made = post_code(user.api, user, user.code).must_be(201).json
    assert made["user_id"] == user.user_id
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, made["id"])


@pytest.mark.parametrize("status", ["active", "pending"])
def test_the_worker_finishes_what_nobody_posts_again(status, interrupted, zoom):
    user = interrupted(status=status)
    assert write(user.stack, "UPDATE zoom_authorizations SET next_attempt_at = 1 WHERE next_attempt_at > 1") == 1
    user.stack.run("hallpass-worker", "--once")
    wait_until(lambda: user.stack.database.value("SELECT refresh_token IS NULL FROM zoom_authorizations"))
    again = post_code(user.api, user, user.code)
    if status == "active":
        assert again.must_be(201).json["user_id"] == user.user_id
        must_have_working_credentials(user, again.json["id"])
    else:
        assert (again.status, again.code) == (400, "user_not_active")
    assert exchanges(zoom, user) == 1


def test_the_worker_finishes_it_even_after_the_access_token_has_expired(interrupted, zoom):
    user = interrupted()
    zoom.expire_access_tokens(user.client_id, user.user_id)
    assert write(user.stack, "UPDATE zoom_authorizations SET next_attempt_at = 1, access_token_expires_at = 1") == 1
    user.stack.run("hallpass-worker", "--once")
    wait_until(lambda: connections_of(user.project))
    assert post_code(user.api, user, user.code).must_be(201).json["user_id"] == user.user_id
    assert (exchanges(zoom, user), user.grant()["refreshes"]) == (1, 1)


def test_who_posts_a_code_again_that_the_worker_finishes_waits_for_what_comes_of_it(new_user, api, zoom, stack):
    """Both would have Zoom renew the same tokens, which it does once, and the second would take them for void."""
    user = new_user()
    of_user = {"client_id": user.client_id, "user_id": user.user_id}
    with zoom.fault(path="/v2/users/me", status=503, times=None, **of_user):
        user.authorize().must_be(503)
    zoom.expire_access_tokens(**of_user)
    with ThreadPoolExecutor(1) as pool, zoom.fault(
            path="/oauth/token", grant_type="refresh_token", hold="after", **of_user) as held:
        assert write(stack, "UPDATE zoom_authorizations SET next_attempt_at = 1 WHERE app_id ="
                     " (SELECT id FROM zoom_oauth_apps WHERE client_id = ?)", user.client_id) == 1
        ring(stack)
        zoom.wait_for_requests(1, grant_type="refresh_token", state="in_flight", **of_user)
        again = pool.submit(post_code, api, user, user.code)
        time.sleep(0.3)  # for it to find that the worker is at it
        assert not again.done()
        zoom.release_fault(held["id"])
        made = again.result().must_be(201).json
    assert zoom.count_requests(grant_type="refresh_token", **of_user) == 1
    assert api.post(f"{CONNECTIONS}/{made['id']}/refresh").must_be(200).json["state"] == "connected"


# A known user's exchange is cut off: Zoom has voided the older grant, and nobody has the newer

@pytest.fixture
def cut_off(api, zoom):
    """Lets Zoom take a code whose answer does not come; what Zoom refuses next, and when that exchange was."""
    def cut(user, **fields):
        user.code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
        began = before_now()
        with zoom.fault(client_id=user.client_id, grant_type="authorization_code", drop="after"):
            post_code(api, user, user.code, **fields).must_be(503)
        return began
    return cut


def before_now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


def failure_of(user):
    answer = user.api.post(f"{CONNECTIONS}/{user.id}/refresh").must_be(200).json
    assert answer["state"] == "disconnected"
    return answer["connection_failure_data"]


def must_name_the_time(failure, began):
    told = failure["error"].partition("began at ")[2].partition(" ")[0]
    assert TIME.fullmatch(told) and began <= told <= failure["timestamp"], failure


def test_a_user_whose_newer_authorization_was_cut_off_is_told_so_where_the_key_says_whose_it_was(new_user, cut_off):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    began = cut_off(user, deduplication_key="customer-1")
    failure = failure_of(user)
    assert failure["code"] == "authorization_interrupted"
    must_name_the_time(failure, began)
    assert user.authorize(deduplication_key="customer-1").must_be(201).json["state"] == "connected"


def test_an_authorization_that_was_cut_off_stays_told_when_zoom_refuses_the_code_later(new_user, cut_off, api):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    began = cut_off(user, deduplication_key="customer-1")
    for _ in range(2):
        answer = post_code(api, user, user.code, deduplication_key="customer-1")
        assert answer.must_be(400).code == "authorization_failed"
    failure = failure_of(user)
    assert failure["code"] == "authorization_interrupted"
    must_name_the_time(failure, began)


@pytest.mark.parametrize("key", ["customer-1", None])
def test_without_its_key_an_authorization_that_was_cut_off_may_have_been_anybodys(key, new_user, cut_off):
    user = new_user()
    user.authorize(deduplication_key=key).must_be(201)
    began = cut_off(user)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "may have" in failure["error"]
    must_name_the_time(failure, began)


def test_an_authorization_that_was_cut_off_explains_nothing_to_a_user_of_another_key(new_user, cut_off, zoom):
    user = new_user()
    other = new_user(like=user)
    for key, each in ("customer-1", user), ("customer-2", other):
        each.authorize(deduplication_key=key).must_be(201)
    cut_off(other, deduplication_key="customer-2")
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "interrupted" not in failure["error"]


def test_an_authorization_that_was_cut_off_explains_nothing_to_who_was_given_tokens_since(
        new_user, cut_off, zoom, stack):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    cut_off(user, deduplication_key="customer-1")
    # As if it had been longer ago than a call of Zoom's can last.
    write(stack, "UPDATE zoom_authorizations SET exchange_began_at = exchange_began_at - 60000000"
          " WHERE exchange_began_at IS NOT NULL")
    user.authorize(deduplication_key="customer-1").must_be(201)
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "interrupted" not in failure["error"]


def test_an_authorization_that_zoom_answered_explains_nothing(new_user, api, zoom):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    with zoom.fault(client_id=user.client_id, grant_type="authorization_code", status=429):
        code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
        post_code(api, user, code, deduplication_key="customer-1").must_be(503)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "interrupted" not in failure["error"]
