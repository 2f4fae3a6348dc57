"""Several authorizations of one user at once: the newest is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.authorization import CONNECTIONS, must_have_working_credentials, post_code
from support.time_travel import write
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI


def test_an_older_authorization_whose_tokens_come_late_changes_nothing(new_user, api, zoom):
    user = new_user()
    older = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    with ThreadPoolExecutor(1) as pool:
        with zoom.fault(client_id=user.client_id, grant_type="authorization_code",
                        hold="after") as held:
            late = pool.submit(post_code, api, user, older)
            wait_until(lambda: (user.grant() or {}).get("living"), what="the older exchange")
            made = user.authorize().must_be(201).json
            zoom.release_fault(held["id"])
        assert late.result().must_be(400).code == "authorization_failed"
    assert post_code(api, user, older).must_be(400).code == "authorization_failed"
    must_have_working_credentials(user, made["id"])


def test_an_older_authorization_that_is_settled_late_does_not_overwrite_the_newer(new_user, api, zoom):
    user = new_user()
    older = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    with ThreadPoolExecutor(1) as pool:
        with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="after") as held:
            late = pool.submit(post_code, api, user, older, metadata={"answer": "late"})
            zoom.wait_for_requests(1, client_id=user.client_id, path="/v2/users/me", state="in_flight")
            made = user.authorize(metadata={"answer": "newest"}).must_be(201).json
            zoom.release_fault(held["id"])
        told = late.result().must_be(201).json
    assert (told["id"], told["metadata"]) == (made["id"], {"answer": "newest"})
    must_have_working_credentials(user, made["id"])


def post_codes_at_once(api, zoom, user, count):
    """
    {code: answer}; Zoom has given the tokens of all before it says of any whose they are, and all that is
    to be proved is proved at the same time.
    """
    codes = [zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"] for _ in range(count)]
    of_app = {"client_id": user.client_id, "times": None}
    with ThreadPoolExecutor(count) as pool, zoom.fault(
            path="/oauth/token", delay_ms=200, **of_app), zoom.fault(
            path="/v2/users/me", hold="after", **of_app) as held:
        answers = [pool.submit(post_code, api, user, code) for code in codes]
        zoom.wait_for_requests(count, client_id=user.client_id, path="/v2/users/me", state="in_flight")
        zoom.release_fault(held["id"])
    return {code: answer.result() for code, answer in zip(codes, answers)}


@pytest.mark.parametrize("who", ["a new user", "a known user"])
def test_several_codes_of_one_user_at_once_are_201_each_where_zoom_keeps_every_grant(who, new_user, api, zoom):
    """None of them is older than the others, and each settles once: however often they meet, none is put off."""
    user = new_user()
    zoom.change_app(user.client_id, voids_older_grants=False)
    if who == "a known user":
        user.authorize().must_be(201)
    answers = post_codes_at_once(api, zoom, user, 10)
    (connection_id,) = {answer.must_be(201).json["id"] for answer in answers.values()}
    for _ in range(2):
        assert api.post(f"{CONNECTIONS}/{connection_id}/refresh").must_be(200).json["state"] == "connected"


@pytest.mark.parametrize("who", ["a new user", "a known user"])
def test_of_several_codes_of_one_user_at_once_the_newest_is_201_and_kept(who, new_user, api, zoom):
    """
    What "201 always" can mean where Zoom voids the older grants: the newest is 201, and so is an older one
    of which Zoom had said whose it is; one that Zoom voided before that is 400, for nobody can say whose it was.
    """
    user = new_user()
    if who == "a known user":
        user.authorize().must_be(201)
    answers = post_codes_at_once(api, zoom, user, 10)
    taken = zoom.requests(client_id=user.client_id, grant_type="authorization_code")["requests"]
    made = answers[taken[-1]["form"]["code"]].must_be(201).json
    for answer in answers.values():
        assert answer.status == 201 or (answer.status, answer.code) == (400, "authorization_failed")
        assert answer.status == 400 or answer.json["id"] == made["id"]
    refreshes = user.grant()["refreshes"]
    assert api.post(f"{CONNECTIONS}/{made['id']}/refresh").must_be(200).json["state"] == "connected"
    assert user.grant()["refreshes"] == refreshes + 1


def test_a_newer_authorization_whose_answer_comes_first_to_a_clock_that_is_behind_is_kept(new_user, stack):
    user = new_user()
    made = user.authorize().must_be(201).json
    # As if the first answer had been stamped by a clock that was set back since.
    assert write(stack, "UPDATE zoom_oauth_credentials SET authorized_at = authorized_at"
                 " + 3600000000 WHERE connection_id = (SELECT id FROM zoom_oauth_connections WHERE public_id = ?)",
                 made["id"]) == 1
    assert user.authorize().must_be(201).json["id"] == made["id"]
    answer = user.api.post(f"{CONNECTIONS}/{made['id']}/refresh").must_be(200).json
    assert answer["state"] == "connected" and user.grant()["living"]
