"""The customer's own key for a user: whose connection an authorization becomes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.authorization import CONNECTIONS, connections_of, must_have_working_credentials, post_code
from support.time_travel import make_sync_due, pieces
from support.waiting import wait_until


def test_a_key_is_unique_within_its_app_only(new_user):
    first, second = new_user(), new_user()
    a = first.authorize(deduplication_key="same").must_be(201).json
    b = second.authorize(deduplication_key="same").must_be(201).json
    assert a["id"] != b["id"] and a["deduplication_key"] == b["deduplication_key"] == "same"
    assert first.read()["user_id"] == first.user_id


def test_a_user_who_comes_again_may_have_a_new_key(new_user, project):
    user = new_user()
    first = user.authorize(deduplication_key="old").must_be(201).json
    again = user.authorize(deduplication_key="new").must_be(201).json
    assert (again["id"], again["deduplication_key"]) == (first["id"], "new")
    other = new_user(like=user).authorize(deduplication_key="old").must_be(201).json
    assert other["id"] != first["id"]


def test_the_same_key_with_another_zoom_user_moves_the_connection(new_user, api, zoom, project):
    old = new_user()
    new = new_user(like=old)
    old_meeting = zoom.create_meeting(old.user_id)["id"]
    new_meeting = zoom.create_meeting(new.user_id)["id"]
    first = old.authorize(deduplication_key="customer", metadata={"a": 1}).must_be(201).json
    path = f"{CONNECTIONS}/{first['id']}"

    def meetings():
        return {int(row["meeting_id"]) for row in api.get(f"{path}/meetings").json["results"]}

    wait_until(lambda: meetings() == {old_meeting})
    with zoom.fault(client_id=new.client_id, path="/v2/users/me/meetings", hold="before"):
        moved = new.authorize(deduplication_key="customer").must_be(201).json
        assert meetings() == set()
    assert (moved["id"], moved["user_id"], moved["email"]) == (first["id"], new.user_id, new.user["email"])
    assert (moved["metadata"], moved["created_at"]) == ({"a": 1}, first["created_at"])
    wait_until(lambda: meetings() == {new_meeting})
    must_have_working_credentials(new, first["id"])

    # The old user is free to come again, as somebody else.
    again = old.authorize().must_be(201).json
    assert again["id"] != first["id"]
    assert len(connections_of(project)) == 2


def test_a_move_forgets_in_which_meetings_the_old_user_was(new_user, zoom, database):
    old = new_user()
    new = new_user(like=old)
    moved = old.authorize(deduplication_key="customer").must_be(201).json
    zoom.participant_joined(zoom.create_meeting(old.user_id)["id"], old.user_id)
    present = ("SELECT count(*) FROM zoom_meeting_participants WHERE connection_id ="
               " (SELECT id FROM zoom_oauth_connections WHERE public_id = ?)", moved["id"])
    assert database.value(*present) == 1
    new.authorize(deduplication_key="customer").must_be(201)
    assert database.value(*present) == 0


def test_a_sync_of_the_old_user_that_is_under_way_brings_nothing_back(new_user, api, zoom, stack):
    old = new_user()
    new = new_user(like=old)
    zoom.create_meeting(old.user_id)
    new_meeting = zoom.create_meeting(new.user_id)["id"]
    page = {"client_id": old.client_id, "path": "/v2/users/me/meetings"}
    with zoom.fault(user_id=old.user_id, hold="after", **page):
        old.authorize(deduplication_key="customer").must_be(201)
        zoom.wait_for_requests(1, user_id=old.user_id, state="in_flight", **page)
        moved = new.authorize(deduplication_key="customer").must_be(201).json
    wait_until(lambda: len(pieces(stack, "meeting_sync", moved["id"])) == 2)
    known = api.get(f"{CONNECTIONS}/{moved['id']}/meetings").json["results"]
    assert [int(meeting["meeting_id"]) for meeting in known] == [new_meeting]


def test_a_profile_of_the_old_user_that_is_being_read_is_not_taken_for_the_new_ones(new_user, zoom, stack):
    old = new_user()
    new = new_user(like=old)
    old.authorize(deduplication_key="customer").must_be(201)
    old.wait_for_sync()
    me_old, me_new = ({"client_id": old.client_id, "path": "/v2/users/me", "user_id": user.user_id} for user in (old, new))
    with ThreadPoolExecutor(1) as pool, zoom.fault(hold="after", **me_old) as held_old, \
            zoom.fault(hold="after", **me_new) as held_new:
        posted = pool.submit(new.authorize, deduplication_key="customer")
        zoom.wait_for_requests(1, state="in_flight", **me_new)
        make_sync_due(stack, old.id)
        zoom.wait_for_requests(1, state="in_flight", **me_old)
        with zoom.fault(status=503, times=None, **me_new):  # so that the new user's own sync mends nothing
            zoom.release_fault(held_new["id"])
            assert posted.result().must_be(201).json["id"] == old.id
            zoom.release_fault(held_old["id"])
            wait_until(lambda: any(piece.get("code") == "conflict" for piece in pieces(
                stack, "meeting_sync", old.id)[1:]), what="the end of the old user's sync")
    known = stack.database.row(
        "SELECT zoom_user_id, pmi FROM zoom_oauth_connections WHERE public_id = ?", old.id)
    assert (known["zoom_user_id"], known["pmi"]) == (new.user_id, new.user["pmi"])


@pytest.mark.parametrize("own_key", [{"deduplication_key": "second"}, {}], ids=["another key", "no key"])
def test_a_key_of_another_connection_is_a_conflict_and_the_credentials_are_kept(own_key, new_user, api, zoom):
    first = new_user()
    second = new_user(like=first)
    a = first.authorize(deduplication_key="first").must_be(201).json
    b = second.authorize(**own_key).must_be(201).json
    zoom.remove_grant(second.client_id, second.user_id, event=False)
    assert api.post(f"{CONNECTIONS}/{b['id']}/refresh").json["state"] == "disconnected"

    answer = second.authorize(deduplication_key="first").must_be(409)
    assert answer.code == "deduplication_key_conflict"
    assert a["id"] in answer.json["error"] and b["id"] in answer.json["error"]
    assert sorted(answer.json["details"].values()) == sorted([a["id"], b["id"]])
    now = must_have_working_credentials(second, b["id"])
    assert now["deduplication_key"] == own_key.get("deduplication_key")
    assert api.get(f"{CONNECTIONS}/{a['id']}").json["user_id"] == first.user_id
    again = post_code(api, second, second.code, deduplication_key="first")
    assert (again.status, again.body) == (409, answer.body)
