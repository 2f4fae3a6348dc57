"""What is told to webhooks, to which, and in what order."""

import itertools
import threading

from support import time_travel
from support.runner import Runner
from support.waiting import wait_until
from support.webhook import APP, BOT, CONNECTION, WEBHOOKS, deliveries, disconnect, send_test
from support.webhook_receiver import WebhookReceiver

MEETING = "https://zoom.us/j/85512345678"


# What is told

def test_a_connection_that_ends_is_told_exactly_as_attendee_does(zoom, receiver, add_webhook, connect_user):
    webhook = add_webhook(receiver.url)
    user = connect_user(metadata={"tenant": "Zoë", "n": [1, 2.5]})
    disconnect(zoom, user)
    got, = receiver.wait(1)
    assert got.is_signed_with(webhook["secret"])
    connection = user.read()
    assert got.json == {
        "idempotency_key": got.id, "trigger": CONNECTION, "zoom_oauth_connection_id": user.id,
        "zoom_oauth_connection_metadata": {"tenant": "Zoë", "n": [1, 2.5]}, "user_id": user.user_id,
        "account_id": connection["account_id"],
        "data": {"state": "disconnected",
                 "connection_failure_data": connection["connection_failure_data"],
                 "last_successful_sync_at": got.json["data"]["last_successful_sync_at"],
                 "last_attempted_sync_at": got.json["data"]["last_attempted_sync_at"]}}


def synced(stack, user):
    """Once no sync is under way, whose tokens another authorization would void."""
    wait_until(lambda: stack.database.value(
        "SELECT next_sync_at FROM zoom_oauth_connections WHERE public_id = ?", user.id)
        > time_travel.now() + time_travel.DAY, what="the sync")


def test_a_user_who_comes_back_is_told_and_one_who_never_left_is_not(stack, zoom, receiver, add_webhook, connect_user):
    add_webhook(receiver.url)
    user = connect_user()
    synced(stack, user)
    user.authorize().must_be(201)
    disconnect(zoom, user)
    user.authorize().must_be(201)
    synced(stack, user)
    states = [each.json["data"]["state"] for each in receiver.wait(2)]
    assert states == ["disconnected", "connected"]
    assert receiver.received[1].json["data"]["connection_failure_data"] is None
    user.authorize().must_be(201)
    send_test(user.api, user.api.get(WEBHOOKS).json["results"][0])
    receiver.wait(1, trigger="webhook.test")
    assert len(receiver.of(trigger=CONNECTION)) == 2


def test_however_many_see_the_failure_it_is_told_once(stack, zoom, receiver, add_webhook, connect_user):
    webhook = add_webhook(receiver.url)
    user = connect_user()
    bots = [user.api.post("/api/v1/bots", json={
        "meeting_url": MEETING, "zoom_oauth_connection_id": user.id}).must_be(201).json
        for _ in range(8)]
    zoom.remove_grant(client_id=user.client_id, user_id=user.user_id, event=False)
    time_travel.expire_access_token(stack, user.id)
    threads = [threading.Thread(target=lambda bot=bot: user.api.post(f"/api/v1/bots/{bot['id']}/zoom_tokens"))
               for bot in bots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: user.read()["state"] == "disconnected")
    receiver.wait(1)
    assert len(deliveries(user.api, webhook)) == 1


def test_an_app_that_zoom_refuses_is_told_and_so_is_its_mending(stack, zoom, receiver, add_webhook, connect_user):
    add_webhook(receiver.url, [APP])
    user = connect_user()
    former = user.app["client_secret"]
    user.api.secrets.add("client_secret", "a-new-secret-0123456789")
    zoom.change_app(user.client_id, client_secret="a-new-secret-0123456789")
    time_travel.expire_access_token(stack, user.id)
    user.api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh")
    got, = receiver.wait(1)
    assert got.json == {"idempotency_key": got.id, "trigger": APP, "data": {"state": "credentials_invalid"},
                        "zoom_oauth_app_id": user.app_id, "client_id": user.client_id}
    user.api.patch(f"/api/v1/zoom_oauth_apps/{user.app_id}",
                   json={"client_secret": "a-new-secret-0123456789"}).must_be(200)
    assert receiver.wait(2)[1].json["data"] == {"state": "active"}
    assert former != "a-new-secret-0123456789"


def test_each_state_of_a_bot_is_told_in_their_order(either_api, receiver, add_webhook):
    webhook = add_webhook(receiver.url, [BOT], either_api)
    bot = either_api.post("/api/v1/bots", json={"meeting_url": MEETING, "metadata": {"order": 17}}).must_be(201).json
    runner = Runner(either_api)
    assert runner.claim()["id"] == bot["id"]
    runner.go("joined_meeting")
    either_api.post(f"/api/v1/bots/{bot['id']}/leave").must_be(200)
    either_api.post(f"/api/v1/bots/{bot['id']}/leave").must_be(200)
    events = runner.go("left_meeting", "post_processing_completed")["events"]
    told = receiver.wait(5)
    assert [each.json["data"] for each in told] == [
        {"old_state": old, "new_state": new, "created_at": event["created_at"], "event_type": event["type"],
         "event_sub_type": event["sub_type"], "event_metadata": event["metadata"]}
        for (old, new), event in zip(itertools.pairwise(
            ["ready", "joining", "joined_not_recording", "leaving", "post_processing", "ended"]), events, strict=True)]
    assert told[2].json["data"]["event_sub_type"] == "user_requested"
    assert all(each.json | {"trigger": BOT, "bot_id": bot["id"], "bot_metadata": {"order": 17}} == each.json
               and each.is_signed_with(webhook["secret"]) for each in told)


def test_what_happens_to_a_bot_without_another_state_is_not_told(api, receiver, add_webhook):
    add_webhook(receiver.url, [BOT])
    api.post("/api/v1/bots", json={"meeting_url": MEETING}).must_be(201)
    runner = Runner(api)
    runner.claim()
    runner.go("joined_meeting", "recording_permission_denied/host_denied_permission")
    runner.go("recording_permission_denied/request_timed_out")
    runner.go("meeting_ended")
    assert [each.json["data"]["new_state"] for each in receiver.wait(4)] == [
        "joining", "joined_not_recording", "joined_recording_permission_denied", "post_processing"]


def test_a_bot_whose_runner_died_is_told(stack, api, receiver, add_webhook):
    add_webhook(receiver.url, [BOT])
    bot = api.post("/api/v1/bots", json={"meeting_url": MEETING}).must_be(201).json
    runner = Runner(api)
    runner.claim()
    runner.go("joined_meeting")
    time_travel.write(stack, "UPDATE bots SET lease_expires_at = ? WHERE public_id = ?",
                      time_travel.now() - 1, bot["id"])
    time_travel.ring(stack)
    last = receiver.wait(3)[-1].json["data"]
    assert (last["new_state"], last["event_type"], last["event_sub_type"]) == (
        "fatal_error", "fatal_error", "heartbeat_timeout")


def test_only_what_was_asked_for_is_told_and_only_to_its_own_project(
        zoom, receiver, add_webhook, connect_user, other_api):
    add_webhook(receiver.url + "/apps", [APP])
    add_webhook(receiver.url + "/connections")
    add_webhook(receiver.url + "/others", [CONNECTION, APP, BOT], other_api)
    disconnect(zoom, connect_user())
    receiver.wait(1)
    assert [each.path for each in receiver.received] == ["/connections"]


# Order

def test_the_changes_of_one_subject_come_in_order_and_those_of_others_do_not_wait(zoom, api, add_webhook, connect_user):
    """The first notification of one user fails; the user's next one waits for it, another user's does not."""
    with WebhookReceiver() as receiver:
        add_webhook(receiver.url)
        user = connect_user()
        other = connect_user(like=user)
        failing = threading.Event()
        failing.set()
        receiver.answer = lambda received: 500 if failing.is_set() and received.json["user_id"] == user.user_id else 200
        disconnect(zoom, user)
        user.authorize().must_be(201)
        disconnect(zoom, other)
        wait_until(lambda: [each for each in receiver.of() if each.json["user_id"] == other.user_id],
                   what="the other user's")
        assert {each.json["data"]["state"] for each in receiver.of()
                if each.json["user_id"] == user.user_id} == {"disconnected"}
        failing.clear()
        ours = wait_until(lambda: (found := [each for each in receiver.of() if each.status == 200
                                             and each.json["user_id"] == user.user_id])[1:] and found)
        assert [each.json["data"]["state"] for each in ours] == ["disconnected", "connected"]


def test_a_slow_receiver_holds_up_nobody(api, add_webhook):
    release = threading.Event()
    with WebhookReceiver(lambda received: release.wait(30) and 200 or 200) as slow, WebhookReceiver() as fast:
        slow_webhook, fast_webhook = add_webhook(slow.url), add_webhook(fast.url)
        for _ in range(20):
            send_test(api, slow_webhook)
        for number in range(1, 6):
            send_test(api, fast_webhook)
            fast.wait(number, timeout=15)  # before the first of the slow posts is given up
        assert slow.received == []
        release.set()
        slow.wait(20)
