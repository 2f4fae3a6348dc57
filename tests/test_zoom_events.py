"""What events from Zoom change: meetings, who is inside, users and their credentials; repeated and late ones."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.waiting import wait_until
from support.zoom_event import (
    SHARED, deauthorization, deliver, made_up_id, meeting_event, milliseconds, participant_event, user_event)


def found_by(api, meeting_id):
    """The connection that a bot for this meeting would use."""
    return api.post("/api/v1/bots", json={
        "meeting_url": f"https://zoom.us/j/{meeting_id}"}).must_be(201).json["zoom_oauth_connection_id"]


# Meetings


@pytest.mark.parametrize("name", ["meeting.started", "meeting.created", "meeting.updated"])
def test_a_meeting_belongs_to_the_connection_of_its_host_whoever_operates(connect_host, name):
    host = connect_host()
    assistant = connect_host(like=host.connected)
    meeting = made_up_id()
    host.sends(name, meeting, payload={"operator_id": assistant.user["id"],
                                       "operator": assistant.user["email"]})
    assert host.meetings() == {meeting: name == "meeting.started"}
    assert assistant.meetings() == {}
    assert found_by(host.connected.api, meeting) == host.connected.id


def test_ids_are_taken_as_numbers_and_as_strings(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting)
    host.sends("meeting.started", str(meeting))
    assert host.meetings() == {meeting: True}


def test_a_meeting_of_somebody_without_connection_is_not_kept(host, zoom):
    stranger = zoom.create_user()
    host.must_take(meeting_event("meeting.started", stranger, made_up_id()))
    assert host.database.rows("SELECT 1 FROM zoom_meetings m JOIN zoom_oauth_apps a ON a.id = m.app_id"
                              " WHERE a.public_id = ?", host.connected.app_id) == []
    assert host.stored() == 1


def test_a_meeting_whose_host_is_somebody_else_now_moves(connect_host, zoom):
    host, meeting = connect_host(), made_up_id()
    other = connect_host(like=host.connected)
    host.sends("meeting.created", meeting, at=-30)
    other.sends("meeting.updated", meeting, at=-20)
    assert (host.meetings(), other.meetings()) == ({}, {meeting: False})
    host.must_take(meeting_event("meeting.updated", zoom.create_user(), meeting, at=-10))
    assert (host.meetings(), other.meetings()) == ({}, {})


def test_a_meeting_is_live_from_started_to_ended(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting, at=-30)
    assert host.meetings() == {meeting: False}
    host.sends("meeting.started", meeting, at=-20)
    assert host.meetings() == {meeting: True}
    host.sends("meeting.ended", meeting, at=-10)
    assert host.meetings() == {meeting: False}


def test_an_event_may_hold_a_nul_where_nothing_of_ours_is(host):
    meeting = made_up_id()
    host.sends("meeting.started", meeting, at=-20, topic="a\0b", settings={"x": ["\0"]})
    assert host.meetings() == {meeting: True}


def test_the_end_forgets_a_one_off_instant_meeting_and_no_other(host):
    instant, personal, recurring = made_up_id(), made_up_id(), made_up_id()
    for meeting, type in ((instant, 1), (personal, 4), (recurring, 8)):
        host.sends("meeting.started", meeting, at=-20, type=type)
        host.sends("meeting.ended", meeting, at=-10, type=type)
    assert set(host.meetings()) == {personal, recurring}


def test_a_deleted_meeting_is_forgotten(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting, at=-20)
    host.sends("meeting.deleted", meeting, at=-10, payload={"operation": "all"})
    assert host.meetings() == {}
    assert found_by(host.connected.api, meeting) is None


def test_a_meeting_of_which_one_occurrence_is_deleted_stays(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting, at=-20, type=8)
    host.sends("meeting.deleted", meeting, at=-10, type=8, occurrences=[{"occurrence_id": "1"}])
    assert set(host.meetings()) == {meeting}


def test_the_simulators_own_events_tell_the_same_story(host, zoom):
    """From its consent to its end as Zoom itself writes the bodies, signs and sends them."""
    user_id = host.connected.user_id
    meeting = zoom.create_meeting(user_id, event=True, type=2)["id"]
    assert host.meetings() == {meeting: False}
    zoom.start_meeting(meeting)
    zoom.participant_joined(meeting, user_id)
    assert host.meetings() == {meeting: True} and host.is_inside(meeting)
    zoom.end_meeting(meeting)
    assert host.meetings() == {meeting: False} and not host.is_inside(meeting)
    zoom.delete_meeting(meeting)
    assert host.meetings() == {}
    deliveries = zoom.deliveries(host.connected.client_id)
    assert len(deliveries) == 5 and all(each["accepted"] for each in deliveries)


# Participants


def test_participant_events_tell_whether_a_connected_user_is_inside(connect_host):
    host, meeting = connect_host(), made_up_id()
    guest = connect_host(like=host.connected)
    host.must_take(participant_event("joined", host.user, guest.user["id"], meeting, at=-30))
    assert guest.is_inside(meeting) and not host.is_inside(meeting)
    host.must_take(participant_event("left", host.user, guest.user["id"], meeting, at=-20))
    assert not guest.is_inside(meeting)


def test_participants_without_connection_are_not_kept(host, zoom):
    meeting = made_up_id()
    for user_id in ("", zoom.create_user()["id"]):
        host.must_take(participant_event("joined", host.user, user_id, meeting))
    assert host.database.rows("SELECT 1 FROM zoom_meeting_participants WHERE meeting_id = ?",
                              meeting) == []
    assert host.stored() == 2


def test_nobody_is_inside_a_meeting_that_has_ended(host):
    meeting = made_up_id()
    host.must_take(participant_event("joined", host.user, host.user["id"], meeting, at=-30))
    host.sends("meeting.ended", meeting, at=-20)
    assert not host.is_inside(meeting)
    host.must_take(participant_event("joined", host.user, host.user["id"], meeting, at=-25))
    assert not host.is_inside(meeting)


def test_a_left_that_comes_before_its_joined_stands(host):
    meeting = made_up_id()
    host.must_take(participant_event("left", host.user, host.user["id"], meeting, at=-10))
    host.must_take(participant_event("joined", host.user, host.user["id"], meeting, at=-20))
    assert not host.is_inside(meeting)


# Users


def test_the_personal_meeting_id_moves_with_user_updated(host, zoom):
    old, new = host.user["pmi"], made_up_id()
    host.sends("meeting.started", old, type=4)
    assert found_by(host.connected.api, old) == host.connected.id
    zoom.change_pmi(host.connected.user_id, new)
    assert found_by(host.connected.api, new) == host.connected.id
    assert found_by(host.connected.api, old) is None


def test_a_personal_meeting_id_as_text_and_one_that_is_taken_away_are_understood(host):
    new = made_up_id()
    host.must_take(user_event("user.updated", host.user, pmi=str(new)))
    assert host.row()["pmi"] == new
    host.must_take(user_event("user.updated", host.user, at=1, pmi=None))
    assert host.row()["pmi"] is None


def test_the_name_of_the_personal_link_moves_with_user_updated(host):
    host.must_take(user_event("user.updated", host.user,
                              vanity_url="https://us02web.zoom.us/my/New.Name"))
    assert host.row()["personal_name"] == "new.name"
    host.must_take(user_event("user.updated", host.user, at=1, vanity_url=""))
    assert host.row()["personal_name"] is None


def test_a_user_updated_of_something_else_moves_nothing(host):
    before = host.row()
    host.must_take(user_event("user.updated", host.user, first_name="Ada"))
    assert host.row() == before


@pytest.mark.parametrize("name", ["user.deactivated", "user.deleted", "user.disassociated"])
def test_a_user_who_is_gone_is_disconnected_and_the_credentials_stay(host, name):
    host.must_take(user_event(name, host.user, at=1))
    connection = host.connected.read()
    assert connection["state"] == "disconnected"
    assert connection["connection_failure_data"]["code"] == "user_deactivated"
    assert name in connection["connection_failure_data"]["error"]
    assert connection["connection_failure_data"]["timestamp"]
    assert host.credentials()["refresh_token"] is not None


def test_app_deauthorized_disconnects_and_erases_the_credentials(host, zoom):
    zoom.remove_grant(host.connected.client_id, host.connected.user_id, event={})
    assert zoom.deliveries(host.connected.client_id, "app_deauthorized")[0]["accepted"]
    connection = host.connected.read()
    assert connection["state"] == "disconnected"
    assert connection["connection_failure_data"]["code"] == "app_deauthorized"
    credentials = host.credentials()
    assert credentials["refresh_token"] is None and credentials["access_token"] is None


def test_who_authorizes_again_after_app_deauthorized_has_the_same_connection(host, zoom):
    before = host.connected.id
    zoom.remove_grant(host.connected.client_id, host.connected.user_id, event={})
    host.connected.authorize().must_be(201)
    assert (host.connected.id, host.connected.read()["state"]) == (before, "connected")


def test_the_loss_of_a_user_whom_nobody_connected_is_nothing(host, zoom):
    stranger = zoom.create_user()
    host.must_take(user_event("user.deactivated", stranger, at=1))
    assert host.connected.read()["state"] == "connected"


def refreshes(host):
    return host.connected.grant()["refreshes"]


def test_a_false_app_deauthorized_disconnects_nobody_and_has_the_credentials_probed(host):
    before = refreshes(host)
    answer = deliver(host.anonymous, host.path, deauthorization(host.connected, at=1), "wrong")
    assert answer.must_be(401).code == "invalid_signature"
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    connection = host.connected.read()
    assert (connection["state"], connection["connection_failure_data"]) == ("connected", None)
    assert host.app()["last_rejected_webhook_at"]
    assert (host.stored(), host.counts()) == (0, {})


@pytest.mark.parametrize("path", ["own", "shared"])
def test_an_app_deauthorized_that_cannot_be_proved_but_is_true_is_found_out(host, zoom, path):
    zoom.remove_grant(host.connected.client_id, host.connected.user_id, event=False)
    deliver(host.anonymous, host.path if path == "own" else SHARED,
            deauthorization(host.connected, at=1), "wrong").must_be(401)
    wait_until(lambda: host.connected.read()["state"] == "disconnected", what="the probe")
    assert host.connected.read()["connection_failure_data"]["code"] == "invalid_grant"


def test_an_app_deauthorized_that_names_no_app_has_the_credentials_probed_too(host):
    before, event = refreshes(host), deauthorization(host.connected, at=1)
    del event["payload"]["client_id"]
    deliver(host.anonymous, SHARED, event, "wrong").must_be(401)
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    assert host.connected.read()["state"] == "connected"
    assert host.app()["last_rejected_webhook_at"] is None


def test_false_events_do_not_hurry_a_refresh_that_fails_at_present(host, zoom):
    false = deauthorization(host.connected, at=1)
    with zoom.fault(client_id=host.connected.client_id, path="/oauth/token", status=503, times=None):
        deliver(host.anonymous, host.path, false, "wrong").must_be(401)
        wait_until(lambda: host.credentials()["refresh_attempts"] > 0
                   and host.credentials()["next_refresh_at"] < time.time() * 1e6 + 3600e6,
                   what="the failed probe")
        time.sleep(0.5)
        before = host.credentials()["next_refresh_at"], host.credentials()["refresh_attempts"]
        deliver(host.anonymous, host.path, false, "wrong").must_be(401)
        assert (host.credentials()["next_refresh_at"], host.credentials()["refresh_attempts"]) == before


def test_false_events_have_no_refresh_made_for_a_disconnected_user(host):
    host.must_take(user_event("user.deactivated", host.user, at=1))
    deliver(host.anonymous, host.path, deauthorization(host.connected, at=2), "wrong").must_be(401)
    assert host.credentials()["next_refresh_at"] is None


def test_false_events_cause_no_more_than_one_probe_a_minute(host):
    before = refreshes(host)
    deliver(host.anonymous, host.path, deauthorization(host.connected, at=1), "wrong").must_be(401)
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    wait_until(lambda: host.connected.read()["last_token_refresh_at"] !=
               host.connected.connection["last_token_refresh_at"], what="its end")
    for _ in range(3):
        deliver(host.anonymous, host.path, deauthorization(host.connected, at=1),
                "wrong").must_be(401)
    credentials = host.credentials()
    assert credentials["next_refresh_at"] == credentials["refreshed_at"] + 60_000_000
    assert refreshes(host) == before + 1


@pytest.mark.parametrize("make", [
    lambda host: deauthorization(host.connected, at=-60),
    lambda host: user_event("user.deactivated", host.user, at=-60),
])
def test_a_loss_from_before_the_latest_authorization_is_not_believed_but_probed(host, make):
    before = refreshes(host)
    host.must_take(make(host))
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    assert host.connected.read()["state"] == "connected"


def test_an_app_deauthorized_that_names_another_client_is_not_believed_but_probed(host):
    before, event = refreshes(host), deauthorization(host.connected, at=1)
    event["payload"]["client_id"] = "another"
    host.must_take(event)
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    assert host.connected.read()["state"] == "connected"


# Repeated, late and other events


def test_a_repeated_delivery_is_200_and_changes_nothing(host, zoom):
    meeting = made_up_id()
    started = json.dumps(meeting_event("meeting.started", host.user, meeting, at=-20)).encode()
    assert host.send(started).must_be(200).json == {"status": "ok"}
    time.sleep(1.1)  # the time of the latest event is kept to the second
    before = host.app(), host.counts(), host.stored(), host.meetings()
    again = host.send(started, offset_s=5)
    assert again.must_be(200).json == {"status": "already_handled"}
    assert (host.app(), host.counts(), host.stored(), host.meetings()) == before
    deliver(host.anonymous, SHARED, started, host.secret,
            clientid=host.connected.client_id).must_be(200)
    assert (host.app(), host.counts(), host.stored(), host.meetings()) == before


def test_a_repeated_app_deauthorized_does_not_undo_a_new_authorization(host):
    event = json.dumps(deauthorization(host.connected, at=1)).encode()
    host.must_take(event)
    host.connected.authorize().must_be(201)
    host.must_take(event)
    assert host.connected.read()["state"] == "connected"
    assert host.credentials()["refresh_token"] is not None


def test_late_events_do_not_overwrite_what_is_known_to_be_newer(connect_host):
    host, meeting = connect_host(), made_up_id()
    other = connect_host(like=host.connected)
    other.sends("meeting.updated", meeting, at=-10)
    host.sends("meeting.created", meeting, at=-20)
    assert (host.meetings(), other.meetings()) == ({}, {meeting: False})
    other.sends("meeting.deleted", meeting, at=-15)
    assert other.meetings() == {meeting: False}


def test_a_deletion_that_comes_before_the_creation_stands(host):
    meeting = made_up_id()
    host.sends("meeting.deleted", meeting, at=-10)
    host.sends("meeting.created", meeting, at=-20)
    assert host.meetings() == {}


@pytest.mark.parametrize("type", [1, 2])
def test_an_end_that_comes_before_the_start_stands(host, type):
    meeting = made_up_id()
    host.sends("meeting.ended", meeting, at=-10, type=type)
    host.sends("meeting.started", meeting, at=-20, type=type)
    assert host.meetings() == ({} if type == 1 else {meeting: False})


def test_an_end_that_comes_late_does_not_end_the_next_session(host):
    meeting = made_up_id()
    host.sends("meeting.started", meeting, at=-10)
    host.sends("meeting.ended", meeting, at=-20)
    assert host.meetings() == {meeting: True}


def test_a_late_user_updated_does_not_bring_the_old_personal_meeting_id_back(host):
    old, new = made_up_id(), made_up_id()
    host.must_take(user_event("user.updated", host.user, at=20, pmi=new))
    host.must_take(user_event("user.updated", host.user, at=10, pmi=old))
    assert host.row()["pmi"] == new


def test_a_late_user_updated_is_not_lost_for_a_newer_one_of_something_else(host):
    new = made_up_id()
    host.must_take(user_event("user.updated", host.user, at=20, vanity_url="https://zoom.us/my/newer"))
    host.must_take(user_event("user.updated", host.user, at=10, pmi=new))
    assert (host.row()["pmi"], host.row()["personal_name"]) == (new, "newer")
    host.must_take(user_event("user.updated", host.user, at=40, pmi=new + 1))
    host.must_take(user_event("user.updated", host.user, at=30, vanity_url="https://zoom.us/my/newest"))
    assert (host.row()["pmi"], host.row()["personal_name"]) == (new + 1, "newest")


def test_an_authorization_does_not_overwrite_what_an_event_told_since_zoom_was_asked(host, zoom):
    new = made_up_id()
    with zoom.fault(client_id=host.connected.client_id, path="/v2/users/me", hold="after") as fault:
        with ThreadPoolExecutor(1) as pool:
            authorizing = pool.submit(host.connected.authorize)
            wait_until(lambda: zoom.get_fault(fault["id"])["hits"], what="the question who the user is")
            host.must_take(user_event("user.updated", host.user, at=60, pmi=new))
            zoom.release_fault(fault["id"])
            authorizing.result().must_be(201)
    assert host.row()["pmi"] == new


def test_an_event_without_time_is_of_now(host):
    meeting = made_up_id()
    event = meeting_event("meeting.created", host.user, meeting)
    del event["event_ts"]
    host.must_take(event)
    host.sends("meeting.deleted", meeting, at=-5)
    assert host.meetings() == {meeting: False}
    host.sends("meeting.deleted", meeting, at=5)
    assert host.meetings() == {}


def test_a_time_far_in_the_future_counts_as_the_end_of_the_tolerance(host):
    meeting, now = made_up_id(), milliseconds()
    host.sends("meeting.created", meeting, at=10 * 365 * 86400)
    known_at = host.database.value("SELECT known_at FROM zoom_meetings WHERE meeting_id = ?", meeting)
    assert 600_000 - 1000 <= known_at // 1000 - now <= 600_000 + 10_000


def test_other_events_are_200_and_counted(host):
    events = [{"event": "recording.completed", "payload": {"n": n}} for n in range(3)]
    events += [{"event": "chat_message.sent"}, {"event": "Übel", "payload": 7}]
    for event in events:
        host.must_take(event)
    host.must_take(events[0])
    assert host.counts() == {"recording.completed": 3, "chat_message.sent": 1, "other": 1}
    assert host.stored() == 5


def test_known_events_are_counted_too_and_refused_ones_are_not(host):
    host.sends("meeting.started", made_up_id())
    deliver(host.anonymous, host.path, meeting_event("meeting.started", host.user, 1), "wrong")
    assert host.counts() == {"meeting.started": 1}


def test_an_app_has_no_more_than_a_hundred_names_of_events(host):
    for number in range(105):
        host.must_take({"event": f"made.up_{number}"})
    counts = host.counts()
    assert len(counts) == 101 and counts["other"] == 5
