"""A process is killed at every step of the exchange of an authorization code."""

import pytest

from kill_points import come_back, kill_at, kill_held, prove, says_interrupted
from outcomes import KEPT, LOST, NOT_OURS, UNAVOIDABLE
from support import time_travel
from support.joiner import Joiner
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI, ConnectedUser
from test_kill_refresh import before_now

PROCESS = "zoom_oauth_connections"
URL = "/api/v1/zoom_oauth_connections"

USED_UP = "Zoom has taken the code, its answer is not on our disk"
POINTS = {
    "authorization.claimed": ("Zoom is about to be asked", KEPT),
    "authorization.exchanged": (USED_UP, NOT_OURS),
    "authorization.tokens_stored": ("the tokens are on our disk", KEPT),
    "authorization.identified": ("Zoom has said whose they are", KEPT),
    "authorization.settling": ("the connection is being committed", KEPT),
    "authorization.settled": ("the connection is committed", KEPT),
}
HELD = {
    "before Zoom saw it": ({"hold": "before", "drop": "before"}, "Zoom is being asked", KEPT),
    "after Zoom took the code": ({"hold": "after"}, USED_UP, NOT_OURS),
}
SHORT = {("authorization.tokens_stored", "a new user"), ("authorization.exchanged", "a known user"),
         ("authorization.settling", "a known user")}


def cases(ways):
    return [pytest.param(way, who, marks=[pytest.mark.short] if (way, who) in SHORT else [])
            for way in ways for who in ("a new user", "a known user")]


def post_code(api, user):
    return api.post(URL, json={"zoom_oauth_app_id": user.app_id, "authorization_code": user.code,
                               "redirect_uri": REDIRECT_URI})


@pytest.fixture
def make_user(api, zoom, joiner):
    """`make_user(who)`: one whose code has not been posted yet."""
    def make(who):
        user = joiner.connected
        if who == "a new user":
            user = ConnectedUser(api, zoom, user.app, user.registered, zoom.create_user())
        user.code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
        return user
    return make


def post_until_answered(api, user):
    """Whose process was killed has left a lease, in which nobody believes any more."""
    def answered():
        answer = post_code(api, user)
        assert answer.status != 409, answer
        return answer if answer.status in (201, 400) else None

    return wait_until(answered, timeout=30, what="an answer to the code that is posted again")


def judge(stack, zoom, api, user, known, expected, end):
    answer = post_until_answered(api, user)
    if expected == KEPT:
        user.answer = answer.must_be(201)
    else:
        assert answer.must_be(400).code == "authorization_failed"
        if user is known.connected:  # Zoom has voided the older tokens as it took the code
            assert known.zoom_tokens()["join_flow"] == "standard"
            lost = known.read()
            assert lost["state"] == "disconnected"
            assert "an authorization that began at 20" in lost["connection_failure_data"]["error"], lost
        user.authorize().must_be(201)
    user.api.secrets.add_simulators(zoom, user.client_id)
    assert user.read()["state"] == "connected"
    connected = Joiner(stack, zoom, user)
    assert prove(connected) == KEPT
    assert user.grant()["living"]
    rows = stack.database.value("SELECT count(*) FROM zoom_oauth_connections WHERE zoom_user_id = ?",
                                user.user_id)
    assert rows == 1
    end(expected)


@pytest.mark.parametrize("point, who", cases(POINTS))
def test_a_process_that_dies_in_an_exchange_costs_nobody_whose_tokens_were_stored(
        stack, zoom, api, failpoint, joiner, row, make_user, point, who):
    step, expected = POINTS[point]
    end = row("code exchange", step, point, who)
    user = make_user(who)
    kill_at(failpoint, point, lambda: post_code(api, user))
    judge(stack, zoom, api, user, joiner, expected, end)


@pytest.mark.parametrize("way, who", cases(HELD))
def test_a_process_that_is_killed_while_zoom_exchanges_costs_nobody_whose_code_is_good(
        stack, zoom, api, joiner, row, make_user, way, who):
    fault, step, expected = HELD[way]
    end = row("code exchange", step, f"from outside, {way}", who)
    user = make_user(who)
    kill_held(stack, zoom, PROCESS, lambda: post_code(api, user),
              fault | {"path": "/oauth/token", "grant_type": "authorization_code"},
              client_id=user.client_id)
    judge(stack, zoom, api, user, joiner, expected, end)


def test_a_code_whose_process_died_is_taken_over_at_once(stack, zoom, api, failpoint, make_user):
    user = make_user("a new user")
    kill_at(failpoint, "authorization.claimed", lambda: post_code(api, user))
    lease_until = stack.database.value("SELECT max(lease_until) FROM zoom_authorizations")
    user.answer = post_until_answered(api, user).must_be(201)
    assert time_travel.now() < lease_until
    assert user.read()["state"] == "connected"


@pytest.mark.short
def test_who_is_refused_while_the_tokens_of_a_dead_process_wait_is_not_disconnected(
        stack, zoom, api, failpoint, joiner, row, make_user):
    end = row("code exchange", POINTS["authorization.tokens_stored"][0],
              "authorization.tokens_stored, a refresh goes before", "a known user")
    user = make_user("a known user")
    kill_at(failpoint, "authorization.tokens_stored", lambda: post_code(api, user))
    refused = joiner.refresh().must_be(503)
    assert "an authorization is under way" in refused.json["error"]
    assert joiner.refreshes(status=400) == 1 and joiner.read()["state"] == "connected"
    post_until_answered(api, user).must_be(201)
    api.secrets.add_simulators(zoom, user.client_id)
    log = api.get(f"{URL}/{joiner.id}/log").must_be(200).json["results"]
    assert "disconnected" not in {entry["type"] for entry in log}
    assert prove(joiner) == KEPT
    end(KEPT)


@pytest.mark.short
@pytest.mark.parametrize("point", ["authorization.tokens_stored", "authorization.identified",
                                   "authorization.settling"])
def test_the_worker_finishes_what_was_cut_off_where_nobody_posts_the_code_again(
        stack, zoom, api, failpoint, row, make_user, point):
    end = row("code exchange", POINTS[point][0], f"{point}, the worker goes on", "a new user")
    user = make_user("a new user")
    kill_at(failpoint, point, lambda: post_code(api, user))
    time_travel.write(stack, "UPDATE zoom_authorizations SET next_attempt_at = 1"
                      " WHERE next_attempt_at IS NOT NULL")
    time_travel.ring(stack)
    listed = wait_until(lambda: api.get(URL, query={"user_id": user.user_id}).json["results"],
                        what="the worker's connection")
    assert [each["state"] for each in listed] == ["connected"]
    user.answer = post_code(api, user).must_be(201)
    assert user.id == listed[0]["id"]
    assert prove(Joiner(stack, zoom, user)) == KEPT
    end(KEPT)


def test_a_worker_that_dies_while_it_finishes_an_exchange_leaves_it_to_the_next(
        stack, zoom, api, failpoint, row, make_user):
    end = row("code exchange", "the connection is being committed", "authorization.settling", "worker")
    user = make_user("a new user")
    kill_at(failpoint, "authorization.tokens_stored", lambda: post_code(api, user))

    def hand_to_worker():
        time_travel.write(stack, "UPDATE zoom_authorizations SET next_attempt_at = 1"
                          " WHERE next_attempt_at IS NOT NULL")
        time_travel.ring(stack)

    kill_at(failpoint, "authorization.settling", hand_to_worker)
    assert not api.get(URL, query={"user_id": user.user_id}).json["results"]
    hand_to_worker()
    wait_until(lambda: api.get(URL, query={"user_id": user.user_id}).json["results"],
               what="the worker's connection")
    user.answer = post_code(api, user).must_be(201)
    assert prove(Joiner(stack, zoom, user)) == KEPT
    end(KEPT)


RENEWAL = {
    "authorization.renewing": ("Zoom is about to be asked", KEPT),
    "authorization.renewed": (UNAVOIDABLE, f"{LOST}: refresh_interrupted"),
}


@pytest.mark.parametrize("point", RENEWAL)
@pytest.mark.parametrize("who", ["a new user", "a known user"])
def test_a_process_that_dies_while_it_renews_what_a_code_brought_leaves_a_user_who_is_told_why(
        stack, zoom, api, failpoint, row, make_user, point, who):
    """An access token that Zoom does not take shows nothing of its grant: it is renewed before it is settled."""
    step, expected = RENEWAL[point]
    end = row("code exchange", step, point, who)
    user = make_user(who)
    began = before_now()
    with zoom.fault(path="/v2/users/me", status=401, client_id=user.client_id,
                    body={"code": 124, "message": "Invalid access token."}):
        kill_at(failpoint, point, lambda: post_code(api, user))
    user.answer = post_until_answered(api, user).must_be(201)
    connected = Joiner(stack, zoom, user)
    outcome = prove(connected)
    assert outcome == expected
    if outcome != KEPT:
        assert says_interrupted(connected, began)
        come_back(connected)
    end(outcome)


def test_an_answer_to_the_renewal_of_what_a_code_brought_that_gets_lost_is_told_as_that(
        stack, zoom, api, row, make_user):
    end = row("code exchange", UNAVOIDABLE, "the answer is lost with the connection", "a new user")
    user = make_user("a new user")
    began = before_now()
    with zoom.fault(path="/v2/users/me", status=401, client_id=user.client_id,
                    body={"code": 124, "message": "Invalid access token."}):
        with zoom.fault(path="/oauth/token", grant_type="refresh_token", drop="after",
                        client_id=user.client_id):
            post_code(api, user).must_be(503)
    user.answer = post_until_answered(api, user).must_be(201)
    connected = Joiner(stack, zoom, user)
    outcome = prove(connected)
    assert outcome == f"{LOST}: refresh_interrupted" and says_interrupted(connected, began)
    come_back(connected)
    end(outcome)
