"""Bots that wait for their meeting while the connection that is to serve them is disconnected and comes back."""

from datetime import datetime, timedelta, timezone

import pytest

from support.time_travel import write
from support.waiting import wait_until
from support.zoom_user import connect_user

BOTS = "/api/v1/bots"
GONE = ("standard", "connection_disconnected")
SERVED = ("token", None)


def tomorrow():
    return (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def make_bot(api, zoom, host, **fields):
    meeting = zoom.create_meeting(host.user_id)
    return api.post(BOTS, json={"meeting_url": meeting["join_url"]} | fields).must_be(201).json


def flow(api, bot):
    now = api.get(f"{BOTS}/{bot['id']}").must_be(200).json
    return now["join_flow"], now["join_flow_reason"]


def remove_app_at_zoom(user):
    """The user does; a check of the credentials finds out."""
    user.zoom.remove_grant(user.client_id, user.user_id, event=False)
    assert user.api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").json["state"] == "disconnected"


@pytest.fixture
def host(connect_user):
    return connect_user()


def test_those_that_wait_take_the_standard_flow_at_once_and_the_token_flow_again_afterwards(api, zoom, host):
    ready = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id)
    scheduled = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id, join_at=tomorrow())
    assert (scheduled["state"], flow(api, ready), flow(api, scheduled)) == ("scheduled", SERVED, SERVED)
    remove_app_at_zoom(host)
    assert flow(api, ready) == flow(api, scheduled) == GONE
    assert api.get(f"{BOTS}/{ready['id']}").json["updated_at"] > ready["updated_at"]
    assert api.get(f"{BOTS}/{ready['id']}").json["zoom_oauth_connection_id"] == host.id
    assert host.authorize().must_be(201).json["id"] == host.id
    assert flow(api, ready) == flow(api, scheduled) == SERVED


def test_an_event_of_zooms_does_the_same_and_so_do_credentials_that_turn_out_to_be_good(api, zoom, host):
    bot = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id)
    zoom.deactivate_user(host.user_id, keep_grants=True)
    wait_until(lambda: host.read()["state"] == "disconnected")
    assert flow(api, bot) == GONE
    assert api.post(f"/api/v1/zoom_oauth_connections/{host.id}/refresh").json["state"] == "connected"
    assert flow(api, bot) == SERVED


@pytest.mark.parametrize("is_disconnected", [False, True])
def test_those_whose_connection_is_deleted_are_told_that_there_is_none(is_disconnected, api, zoom, host):
    named = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id)
    meeting = zoom.create_meeting(host.user_id, event=True)
    found = api.post(BOTS, json={"meeting_url": meeting["join_url"], "join_at": tomorrow()}).must_be(201).json
    assert (flow(api, named), flow(api, found)) == (SERVED, SERVED)
    if is_disconnected:
        remove_app_at_zoom(host)
    api.delete(f"/api/v1/zoom_oauth_connections/{host.id}").must_be(200)
    for bot in named, found:
        now = api.get(f"{BOTS}/{bot['id']}").json
        told = api.post(f"{BOTS}/{bot['id']}/zoom_tokens").json
        for each in now, told:
            assert (each["join_flow"], each["join_flow_reason"]) == ("standard", "no_connection_for_meeting")
            assert each["zoom_oauth_connection_id"] is None
        assert now["updated_at"] > bot["updated_at"]


def test_one_that_joins_on_behalf_of_who_is_still_there_keeps_its_flow_when_the_other_is_deleted(api, zoom, host):
    person = connect_user(api, zoom, like=host, is_onbehalf_token_supported=True)
    settings = {"onbehalf_token": {"zoom_oauth_connection_user_id": person.user_id}}
    bot = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id, zoom_settings=settings)
    api.delete(f"/api/v1/zoom_oauth_connections/{host.id}").must_be(200)
    assert flow(api, bot) == SERVED
    api.delete(f"/api/v1/zoom_oauth_connections/{person.id}").must_be(200)
    assert api.post(f"{BOTS}/{bot['id']}/zoom_tokens").json["join_flow_reason"] == "onbehalf_user_not_connected"


def test_one_whose_on_behalf_user_is_deleted_is_told_so(api, zoom, host):
    person = connect_user(api, zoom, like=host, is_onbehalf_token_supported=True)
    settings = {"onbehalf_token": {"zoom_oauth_connection_user_id": person.user_id}}
    bot = api.post(BOTS, json={"meeting_url": "https://zoom.us/j/99911122233", "zoom_settings": settings}).json
    assert flow(api, bot) == SERVED
    api.delete(f"/api/v1/zoom_oauth_connections/{person.id}").must_be(200)
    assert flow(api, bot) == ("standard", "onbehalf_user_not_connected")
    assert api.post(f"{BOTS}/{bot['id']}/zoom_tokens").json["join_flow_reason"] == "onbehalf_user_not_connected"


@pytest.mark.parametrize("state", ["joining", "joined_recording", "ended", "fatal_error"])
def test_one_that_has_begun_to_join_stays_as_it_was(state, api, zoom, host, stack):
    bot = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id)
    assert write(stack, "UPDATE bots SET state = ? WHERE public_id = ?", state, bot["id"]) == 1
    remove_app_at_zoom(host)
    assert flow(api, bot) == SERVED
    host.authorize().must_be(201)
    assert flow(api, bot) == SERVED


def test_bots_of_other_connections_and_with_other_reasons_stay_as_they_were(api, zoom, host):
    other = connect_user(api, zoom, like=host)
    unable = connect_user(api, zoom, like=host, is_local_recording_token_supported=False)
    of_other = make_bot(api, zoom, other, zoom_oauth_connection_id=other.id)
    of_unable = make_bot(api, zoom, unable, zoom_oauth_connection_id=unable.id)
    remove_app_at_zoom(host)
    assert flow(api, of_other) == SERVED
    remove_app_at_zoom(unable)
    assert flow(api, of_unable) == ("standard", "local_recording_not_supported")
    unable.authorize(is_local_recording_token_supported=False).must_be(201)
    assert flow(api, of_unable) == ("standard", "local_recording_not_supported")


def test_one_that_was_made_meanwhile_takes_the_token_flow_only_where_its_connection_can_serve_it(api, zoom, host):
    unable = connect_user(api, zoom, like=host, is_local_recording_token_supported=False)
    for user in host, unable:
        remove_app_at_zoom(user)
    bots = {user: make_bot(api, zoom, user, zoom_oauth_connection_id=user.id) for user in (host, unable)}
    assert [flow(api, bot) for bot in bots.values()] == [GONE, GONE]
    host.authorize().must_be(201)
    unable.authorize(is_local_recording_token_supported=False).must_be(201)
    assert flow(api, bots[host]) == SERVED
    assert flow(api, bots[unable]) != SERVED


def test_one_that_joins_on_behalf_of_somebody_who_is_connected_does_not_need_the_other(api, zoom, host):
    person = connect_user(api, zoom, like=host, is_onbehalf_token_supported=True)
    settings = {"onbehalf_token": {"zoom_oauth_connection_user_id": person.user_id}}
    bot = make_bot(api, zoom, host, zoom_oauth_connection_id=host.id, zoom_settings=settings)
    remove_app_at_zoom(host)
    assert flow(api, bot) == SERVED


def test_one_that_joins_on_behalf_of_who_comes_back_takes_the_token_flow_again(api, zoom, host):
    fields = {"is_onbehalf_token_supported": True, "is_local_recording_token_supported": False}
    person = connect_user(api, zoom, like=host, **fields)
    settings = {"onbehalf_token": {"zoom_oauth_connection_user_id": person.user_id}}
    bot = make_bot(api, zoom, person, zoom_oauth_connection_id=person.id, zoom_settings=settings)
    assert flow(api, bot) == SERVED
    remove_app_at_zoom(person)
    assert flow(api, bot) == GONE
    person.authorize(**fields).must_be(201)
    assert flow(api, bot) == SERVED
