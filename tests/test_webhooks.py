"""Webhooks that we send: the API of them, and what arrives at a real receiver."""

import base64
import itertools
import socket
import threading
from datetime import datetime, timezone

import pytest

from conftest import end_stack, run_stack
from support import time_travel
from support.processes import end
from support.runner import Runner
from support.waiting import wait_until
from support.webhook_receiver import WebhookReceiver, answers

WEBHOOKS = "/api/v1/webhooks"
CONNECTION, APP, BOT = ("zoom_oauth_connection.state_change", "zoom_oauth_app.state_change",
                        "bot.state_change")
KEYS = {"id", "url", "triggers", "bot_id", "state", "disabled_at", "disabled_reason", "failing_since",
        "paused_until", "former_secret_signs_until", "created_at", "updated_at"}
MEETING = "https://zoom.us/j/85512345678"
MINUTE = 60 * 1_000_000


@pytest.fixture
def receiver():
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def add(api, secrets):
    def add(url, triggers=(CONNECTION,), through=None):
        made = (through or api).post(WEBHOOKS, json={"url": url, "triggers": list(triggers)})
        webhook = made.must_be(201).json
        secrets.add("webhook secret", webhook["secret"], in_answers=True)
        return webhook
    return add


def read(api, webhook):
    return api.get(f"{WEBHOOKS}/{webhook['id']}").must_be(200).json


def change(api, webhook, **fields):
    return api.patch(f"{WEBHOOKS}/{webhook['id']}", json=fields)


def deliveries(api, webhook, **query):
    return api.get(f"{WEBHOOKS}/{webhook['id']}/deliveries", query=query).must_be(200).json["results"]


def delivery(api, webhook, number=0):
    return deliveries(api, webhook)[number]


def send_test(api, webhook):
    return api.post(f"{WEBHOOKS}/{webhook['id']}/test").must_be(202).json


def redeliver(api, webhook, made):
    return api.post(f"{WEBHOOKS}/{webhook['id']}/deliveries/{made['id']}/redeliver")


def pass_time(stack, webhook, microseconds):
    """All times of the webhook and its deliveries lie further back: the same as waiting."""
    row_id = stack.database.value("SELECT id FROM webhooks WHERE public_id = ?", webhook["id"])
    for column in ("failing_since", "paused_until", "due_at", "former_secret_until"):
        time_travel.write(stack, f"UPDATE webhooks SET {column} = {column} - ? WHERE id = ?"
                          " AND holder IS NULL", microseconds, row_id)
    time_travel.write(stack, "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - ?"
                      " WHERE webhook_id = ?", microseconds, row_id)
    time_travel.ring(stack)


def settled(stack, webhook):
    """Once no worker holds it."""
    wait_until(lambda: stack.database.value(
        "SELECT holder IS NULL FROM webhooks WHERE public_id = ?", webhook["id"]), what="the release")


def attempted(api, webhook, count, number=0):
    return wait_until(lambda: (one := delivery(api, webhook, number))["attempts"] >= count and one,
                      what=f"{count} attempts")


def seconds_from_now(text):
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return (at - datetime.now(timezone.utc)).total_seconds()


def disconnect(zoom, user):
    """The user removes the app at Zoom, which tells us so when it is asked."""
    zoom.remove_grant(client_id=user.client_id, user_id=user.user_id, event=False)
    answer = user.api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200)
    assert answer.json["state"] == "disconnected"


# The API

def test_a_webhook_has_all_its_keys_and_shows_its_secret_once(either_api, add):
    made = add("http://127.0.0.1:9/hook", [BOT, CONNECTION], either_api)
    assert set(made) == KEYS | {"secret"}
    assert made["id"].startswith("wh_") and len(made["id"]) >= 19
    assert made["secret"].startswith("whsec_") and len(base64.b64decode(made["secret"][6:])) == 32
    assert made | {"url": "http://127.0.0.1:9/hook", "triggers": [CONNECTION, BOT], "state": "active",
                   "bot_id": None, "disabled_at": None, "failing_since": None} == made
    shown = read(either_api, made)
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert either_api.get(WEBHOOKS).must_be(200).json["results"] == [shown]


@pytest.mark.parametrize("fields, names", [
    ({}, ["triggers", "url"]), ({"url": "https://a.example", "triggers": []}, ["triggers"]),
    ({"url": "https://a.example", "triggers": "bot.state_change"}, ["triggers"]),
    ({"url": "https://a.example", "triggers": ["bot.gone"]}, ["triggers"]),
    ({"url": "https://a.example", "triggers": [None]}, ["triggers"]),
    ({"url": "ftp://a.example", "triggers": [BOT]}, ["url"]), ({"url": "a.example", "triggers": [BOT]}, ["url"]),
    ({"url": "https://a:b@a.example/", "triggers": [BOT]}, ["url"]),
    ({"url": "https://a.example/#x", "triggers": [BOT]}, ["url"]),
    ({"url": "https://a.example/ x", "triggers": [BOT]}, ["url"]),
    ({"url": "https://a.example/" + "x" * 2048, "triggers": [BOT]}, ["url"]),
    ({"url": "https://a.example", "triggers": [BOT], "secret": "mine"}, ["secret"]),
])
def test_what_is_wrong_is_refused_by_name(either_api, fields, names):
    answer = either_api.post(WEBHOOKS, json=fields).must_be(400)
    assert sorted(answer.fields) == names
    assert either_api.get(WEBHOOKS).json["results"] == []


def test_a_webhook_is_changed_and_deleted(either_api, add):
    webhook = add("http://127.0.0.1:9/", [CONNECTION], either_api)
    changed = change(either_api, webhook, url="http://127.0.0.1:9/new", triggers=[APP, BOT]).must_be(200).json
    assert (changed["url"], changed["triggers"]) == ("http://127.0.0.1:9/new", [APP, BOT])
    assert read(either_api, webhook) == changed
    assert sorted(change(either_api, webhook, url=None, triggers=None, state="x").must_be(400).fields) == [
        "state", "triggers", "url"]
    assert either_api.delete(f"{WEBHOOKS}/{webhook['id']}").must_be(200).json == {}
    for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test"),
                         ("POST", "/rotate_secret"), ("GET", "/deliveries/msg_x"),
                         ("POST", "/deliveries/msg_x/redeliver")):
        assert either_api.call(method, f"{WEBHOOKS}/{webhook['id']}{rest}").must_be(404).code == "not_found"
    assert change(either_api, webhook, state="active").must_be(404).code == "not_found"


def test_another_project_sees_nothing_of_it(api, other_api, add):
    webhook = add("http://127.0.0.1:9/")
    assert other_api.get(WEBHOOKS).json["results"] == []
    other_api.get(f"{WEBHOOKS}/{webhook['id']}").must_be(404)
    other_api.delete(f"{WEBHOOKS}/{webhook['id']}").must_be(404)
    other_api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(404)
    assert read(api, webhook)["id"] == webhook["id"]


def test_there_is_a_limit_to_the_webhooks_of_a_project(api, add):
    for _ in range(20):
        last = add("http://127.0.0.1:9/")
    answer = api.post(WEBHOOKS, json={"url": "http://127.0.0.1:9/", "triggers": [BOT]}).must_be(409)
    assert answer.code == "too_many_webhooks" and "20" in answer.json["error"]
    api.delete(f"{WEBHOOKS}/{last['id']}").must_be(200)
    add("http://127.0.0.1:9/")


def test_a_list_goes_on_where_its_cursor_says(api, add):
    ids = [add("http://127.0.0.1:9/")["id"] for _ in range(3)]
    page = api.get(WEBHOOKS, query={"page_size": 2}).must_be(200).json
    assert [each["id"] for each in page["results"]] == ids[:0:-1]
    rest = api.get(page["next"]).must_be(200).json
    assert [each["id"] for each in rest["results"]] == ids[:1] and rest["next"] is None
    assert list(api.get(WEBHOOKS, query={"page_size": 101, "url": "x"}).must_be(400).fields) == ["page_size", "url"]


# A bot's own

@pytest.fixture
def add_bot(secrets):
    def add_bot(api, *webhooks):
        bot = api.post("/api/v1/bots", json={"meeting_url": MEETING, "webhooks": list(webhooks)}).must_be(201).json
        for webhook in bot.get("webhooks", []):
            secrets.add("webhook secret", webhook["secret"], in_answers=True)
        return bot
    return add_bot


def of_bot(api, bot):
    return api.get(WEBHOOKS, query={"bot_id": bot["id"]}).must_be(200).json["results"]


def test_a_bot_brings_webhooks_whose_secrets_are_shown_once(either_api, add_bot):
    urls = ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
    bot = add_bot(either_api, *({"url": url, "triggers": [BOT]} for url in urls))
    made = bot.pop("webhooks")
    assert [each["url"] for each in made] == urls
    assert all(set(each) == KEYS | {"secret"} and each["bot_id"] == bot["id"] and each["triggers"] == [BOT]
               and each["state"] == "active" for each in made)
    assert made[0]["secret"] != made[1]["secret"]
    shown = [{name: value for name, value in each.items() if name != "secret"} for each in made]
    assert of_bot(either_api, bot) == shown[::-1]
    assert read(either_api, made[0]) == shown[0]
    assert either_api.get(WEBHOOKS).json["results"] == []
    assert either_api.get(f"/api/v1/bots/{bot['id']}").must_be(200).json == bot


def test_a_bot_without_webhooks_has_the_keys_of_a_bot(either_api, add_bot):
    assert "webhooks" not in add_bot(either_api)


def test_what_happens_to_a_bot_is_told_to_its_own_webhook_and_to_no_other_bots(either_api, receiver, add, add_bot):
    def hook(name):
        return {"url": f"{receiver.url}/{name}", "triggers": [BOT]}

    projects = add(receiver.url + "/project", [BOT], either_api)
    first, second = add_bot(either_api, hook("first"), hook("first/too")), add_bot(either_api, hook("second"))
    runner = Runner(either_api)
    assert runner.claim()["id"] == first["id"]
    runner.go("joined_meeting")
    for path, secret in (("/first", first["webhooks"][0]["secret"]), ("/first/too", first["webhooks"][1]["secret"]),
                         ("/project", projects["secret"])):
        told = receiver.wait(2, path=path)
        assert [each.json["data"]["new_state"] for each in told] == ["joining", "joined_not_recording"]
        assert all(each.json["bot_id"] == first["id"] and each.is_signed_with(secret) for each in told)
    assert runner.claim()["id"] == second["id"]
    got, = receiver.wait(1, path="/second")
    assert got.json["bot_id"] == second["id"] and got.is_signed_with(second["webhooks"][0]["secret"])
    receiver.wait(3, path="/project")
    assert len(receiver.received) == 2 + 2 + 1 + 3


def test_a_bots_webhook_hears_of_nothing_else(zoom, receiver, api, add, add_bot, connect_user):
    bot = add_bot(api, {"url": receiver.url + "/bot", "triggers": [BOT]})
    add(receiver.url + "/project", [CONNECTION])
    disconnect(zoom, connect_user())
    receiver.wait(1, path="/project")
    assert deliveries(api, bot["webhooks"][0]) == [] and len(receiver.received) == 1


def test_a_bots_webhook_is_tried_out_changed_and_rotated_like_any_other(api, receiver, add_bot, secrets):
    webhook, = add_bot(api, {"url": "http://127.0.0.1:9/", "triggers": [BOT]})["webhooks"]
    assert change(api, webhook, url=receiver.url).must_be(200).json["bot_id"] == webhook["bot_id"]
    assert list(change(api, webhook, triggers=[CONNECTION]).must_be(400).fields) == ["triggers"]
    rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
    secrets.add("webhook secret", rotated["secret"], in_answers=True)
    send_test(api, webhook)
    assert receiver.wait(1)[0].is_signed_with(rotated["secret"])


def test_a_bots_webhooks_go_with_it(either_api, add_bot):
    bot = add_bot(either_api, {"url": "http://127.0.0.1:9/", "triggers": [BOT]})
    either_api.delete(f"/api/v1/bots/{bot['id']}").must_be(200)
    either_api.get(f"{WEBHOOKS}/{bot['webhooks'][0]['id']}").must_be(404)
    assert of_bot(either_api, bot) == []


def test_the_webhooks_of_bots_do_not_count_among_those_of_the_project(api, add, add_bot):
    for _ in range(10):
        add_bot(api, *[{"url": "http://127.0.0.1:9/", "triggers": [BOT]}] * 2)
    add("http://127.0.0.1:9/")


GOOD = {"url": "https://a.example/", "triggers": [BOT]}


@pytest.mark.parametrize("webhooks, names", [
    (1, ["webhooks"]), ("https://a.example/", ["webhooks"]), ({"0": GOOD}, ["webhooks"]), (True, ["webhooks"]),
    ([GOOD] * 3, ["webhooks"]), ([GOOD, "https://a.example/"], ["webhooks[1]"]), ([None], ["webhooks[0]"]),
    ([[]], ["webhooks[0]"]), ([{}], ["webhooks[0].triggers", "webhooks[0].url"]),
    ([GOOD, GOOD | {"url": "ftp://a.example"}], ["webhooks[1].url"]), ([GOOD | {"url": 1}], ["webhooks[0].url"]),
    ([GOOD | {"url": "https://a.example/" + "x" * 2048}], ["webhooks[0].url"]),
    ([GOOD | {"url": "https://a:b@a.example/"}], ["webhooks[0].url"]),
    ([GOOD | {"triggers": []}], ["webhooks[0].triggers"]), ([GOOD | {"triggers": BOT}], ["webhooks[0].triggers"]),
    ([GOOD | {"triggers": [BOT, CONNECTION]}], ["webhooks[0].triggers"]),
    ([GOOD | {"triggers": [BOT + "\0x"]}], ["webhooks[0].triggers"]),
    ([GOOD | {"secret": "mine", "bot_id": "x"}], ["webhooks[0].bot_id", "webhooks[0].secret"]),
])
def test_what_is_wrong_with_a_bots_webhooks_is_refused_by_its_place(either_api, webhooks, names):
    answer = either_api.post("/api/v1/bots", json={"meeting_url": MEETING, "webhooks": webhooks}).must_be(400)
    assert answer.code == "invalid_request" and sorted(answer.fields) == names
    both = either_api.post("/api/v1/bots", json={"meeting_url": 1, "webhooks": webhooks, "x": 1}).must_be(400)
    assert sorted(both.fields) == sorted(["meeting_url", "x", *names])
    assert either_api.get("/api/v1/bots").json["results"] == []


def test_a_bot_that_is_there_takes_no_more_webhooks(either_api, add_bot):
    bot = add_bot(either_api)
    for webhooks in ([GOOD], [], 1):
        answer = either_api.patch(f"/api/v1/bots/{bot['id']}", json={"webhooks": webhooks}).must_be(400)
        assert WEBHOOKS in answer.fields["webhooks"]
    either_api.patch(f"/api/v1/bots/{bot['id']}", json={"webhooks": None, "bot_name": "x"}).must_be(200)
    assert of_bot(either_api, bot) == []


# Trying it out

def test_a_test_arrives_signed_both_ways(either_api, receiver, add):
    webhook = add(receiver.url + "/a/b?c=d", [BOT], either_api)
    made = send_test(either_api, webhook)
    got, = receiver.wait(1)
    assert got.path == "/a/b?c=d" and got.headers["content-type"] == "application/json"
    assert got.is_signed_with(webhook["secret"]) and got.id == made["id"]
    assert got.json == {"idempotency_key": made["id"], "trigger": "webhook.test", "data": got.json["data"],
                        "webhook_id": webhook["id"]}
    done = wait_until(lambda: (one := delivery(either_api, webhook))["state"] == "delivered" and one)
    assert done | {"attempts": 1, "last_status": 200, "last_error": None, "payload": got.json,
                   "trigger": "webhook.test", "next_attempt_at": None} == done
    assert done["finished_at"] >= done["last_attempt_at"] >= done["created_at"]
    assert either_api.get(f"{WEBHOOKS}/{webhook['id']}/deliveries/{made['id']}").must_be(200).json == done


def test_what_takes_no_fields_says_so(api, add):
    webhook = add("http://127.0.0.1:9/")
    for action in ("test", "rotate_secret", "deliveries/msg_x/redeliver"):
        assert list(api.post(f"{WEBHOOKS}/{webhook['id']}/{action}", json={"x": 1}).must_be(400).fields) == ["x"]


def test_a_plain_worker_run_sends_what_is_due(private_stack, secrets):
    stack = private_stack()
    end(stack, "worker")
    api = stack.create_project().cgi_api
    with WebhookReceiver() as receiver:
        webhook = api.post(WEBHOOKS, json={"url": receiver.url, "triggers": [BOT]}).must_be(201).json
        secrets.add("webhook secret", webhook["secret"], in_answers=True)
        for _ in range(5):
            send_test(api, webhook)
        assert stack.run("hallpass-worker", "--once").returncode == 0
        assert len(receiver.received) == 5
    assert [each["state"] for each in deliveries(api, webhook)] == ["delivered"] * 5


# What is told

def test_a_connection_that_ends_is_told_exactly_as_attendee_does(zoom, receiver, add, connect_user):
    webhook = add(receiver.url)
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


def test_a_user_who_comes_back_is_told_and_one_who_never_left_is_not(stack, zoom, receiver, add, connect_user):
    add(receiver.url)
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


def test_however_many_see_the_failure_it_is_told_once(stack, zoom, receiver, add, connect_user):
    webhook = add(receiver.url)
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


def test_an_app_that_zoom_refuses_is_told_and_so_is_its_mending(stack, zoom, receiver, add, connect_user):
    add(receiver.url, [APP])
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


def test_each_state_of_a_bot_is_told_in_their_order(either_api, receiver, add):
    webhook = add(receiver.url, [BOT], either_api)
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


def test_what_happens_to_a_bot_without_another_state_is_not_told(api, receiver, add):
    add(receiver.url, [BOT])
    api.post("/api/v1/bots", json={"meeting_url": MEETING}).must_be(201)
    runner = Runner(api)
    runner.claim()
    runner.go("joined_meeting", "recording_permission_denied/host_denied_permission")
    runner.go("recording_permission_denied/request_timed_out")
    runner.go("meeting_ended")
    assert [each.json["data"]["new_state"] for each in receiver.wait(4)] == [
        "joining", "joined_not_recording", "joined_recording_permission_denied", "post_processing"]


def test_a_bot_whose_runner_died_is_told(stack, api, receiver, add):
    add(receiver.url, [BOT])
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


def test_only_what_was_asked_for_is_told_and_only_to_its_own_project(zoom, receiver, add, connect_user, other_api):
    add(receiver.url + "/apps", [APP])
    add(receiver.url + "/connections")
    add(receiver.url + "/others", [CONNECTION, APP, BOT], other_api)
    disconnect(zoom, connect_user())
    receiver.wait(1)
    assert [each.path for each in receiver.received] == ["/connections"]


# Failures

@pytest.mark.parametrize("status", [500, 503, 404, 400, 301, 302, 199 + 5 * 100])
def test_what_is_no_2xx_is_tried_again_with_the_same_id(stack, api, add, status):
    with WebhookReceiver(answers((status, {"Location": "/elsewhere"}, b"sorry"), 204)) as receiver:
        webhook = add(receiver.url)
        made = send_test(api, webhook)
        failed = attempted(api, webhook, 1)
        assert (failed["state"], failed["last_status"], failed["last_answer"]) == ("pending", status, "sorry")
        assert str(status) in failed["last_error"] and 0 < seconds_from_now(failed["next_attempt_at"]) < 6
        assert read(api, webhook)["failing_since"] is not None
        settled(stack, webhook)
        pass_time(stack, webhook, MINUTE)
        one, other = receiver.wait(2)
        assert one.id == other.id == made["id"] and one.body == other.body and one.path == other.path == "/"
        assert other.is_signed_with(webhook["secret"])
        done = wait_until(lambda: (each := delivery(api, webhook))["state"] == "delivered" and each)
        assert done["attempts"] == 2 and done["last_error"] is None
        assert read(api, webhook)["failing_since"] is None


def test_the_first_retry_comes_by_itself_after_five_seconds(api, add):
    with WebhookReceiver(answers(500, 200)) as receiver:
        send_test(api, add(receiver.url))
        one, other = receiver.wait(2)
        assert 4 <= other.at - one.at <= 15


def test_retries_wait_longer_and_longer_and_end_after_ten(stack, api, add):
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add(receiver.url)
        send_test(api, webhook)
        for count, wait_s in enumerate([5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], 1):
            failed = attempted(api, webhook, count)
            settled(stack, webhook)
            assert failed["attempts"] == count
            assert 0.89 * wait_s - 5 <= seconds_from_now(failed["next_attempt_at"]) <= 1.11 * wait_s
            time_travel.write(stack, "UPDATE webhooks SET failing_since = ? WHERE public_id = ?",
                              time_travel.now(), webhook["id"])
            pass_time(stack, webhook, 2 * 86400 * 1_000_000)
        done = wait_until(lambda: (one := delivery(api, webhook))["state"] == "failed" and one)
        assert done["attempts"] == 10 and done["next_attempt_at"] is None and done["finished_at"]
        assert len({each.id for each in receiver.received}) == 1 and len(receiver.received) == 10


@pytest.mark.parametrize("value, least_s, most_s", [("120", 110, 125), ("junk", 3, 6)])
def test_retry_after_is_honoured(api, add, value, least_s, most_s):
    with WebhookReceiver(lambda _: (503, {"Retry-After": value}, b"")) as receiver:
        webhook = add(receiver.url)
        send_test(api, webhook)
        assert least_s < seconds_from_now(attempted(api, webhook, 1)["next_attempt_at"]) < most_s
        if least_s > 100:
            send_test(api, webhook)
            assert seconds_from_now(read(api, webhook)["paused_until"]) > least_s
            assert len(receiver.received) == 1


def test_gone_disables_the_webhook(stack, api, add):
    with WebhookReceiver(answers(410, 200)) as receiver:
        webhook = add(receiver.url)
        send_test(api, webhook)
        shown = wait_until(lambda: (one := read(api, webhook))["state"] == "disabled" and one)
        assert shown["disabled_reason"] == "gone" and shown["disabled_at"]
        failed = delivery(api, webhook)
        assert (failed["state"], failed["last_status"]) == ("failed", 410)
        assert api.post(f"{WEBHOOKS}/{webhook['id']}/test").must_be(409).code == "webhook_disabled"
        assert redeliver(api, webhook, failed).must_be(409).code == "webhook_disabled"
        assert '"webhook disabled"' in stack.logs() and '"reason":"gone"' in stack.logs()
        assert change(api, webhook, state="active").must_be(200).json["disabled_at"] is None
        send_test(api, webhook)
        assert [each.status for each in receiver.wait(2)] == [410, 200]


def test_what_the_former_address_answered_says_nothing_of_the_one_that_it_moved_to(api, receiver, add):
    arrived, release = threading.Event(), threading.Event()
    with WebhookReceiver(lambda _: arrived.set() or release.wait(15) and 410) as former:
        webhook = add(former.url)
        made = send_test(api, webhook)
        assert arrived.wait(15)
        change(api, webhook, url=receiver.url).must_be(200)
        release.set()
        assert receiver.wait(1)[0].id == made["id"]
        assert [each.status for each in former.received] == [410]
        done = wait_until(lambda: (one := delivery(api, webhook))["state"] == "delivered" and one)
        assert (done["attempts"], done["last_status"]) == (2, 200)
        shown = read(api, webhook)
        assert (shown["state"], shown["failing_since"], shown["paused_until"]) == ("active", None, None)


def test_days_of_nothing_but_failures_disable_it_and_nothing_is_lost(stack, api, add):
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add(receiver.url)
        made = send_test(api, webhook)
        attempted(api, webhook, 1)
        settled(stack, webhook)
        pass_time(stack, webhook, 5 * 86400 * 1_000_000)
        shown = wait_until(lambda: (one := read(api, webhook))["state"] == "disabled" and one)
        assert shown["disabled_reason"] == "failing" and shown["failing_since"]
        assert delivery(api, webhook)["state"] == "pending"
        receiver.answer = lambda _: 200
        change(api, webhook, state="active").must_be(200)
        wait_until(lambda: delivery(api, webhook)["state"] == "delivered")
        assert {each.id for each in receiver.received} == {made["id"]}


def test_one_failure_after_weeks_without_anything_to_tell_disables_nothing(stack, api, add):
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add(receiver.url)
        made = send_test(api, webhook)
        for count in (1, 2, 3):
            attempted(api, webhook, count)
            settled(stack, webhook)
            pass_time(stack, webhook, 40 * MINUTE)
        attempted(api, webhook, 4)
        settled(stack, webhook)
        time_travel.write(stack, "UPDATE webhook_deliveries SET state = 'failed', next_attempt_at = NULL"
                          " WHERE public_id = ?", made["id"])
        pass_time(stack, webhook, 20 * time_travel.DAY)
        redeliver(api, webhook, made).must_be(202)
        shown = wait_until(lambda: (one := read(api, webhook))["failing_since"] > made["created_at"] and one)
        assert (shown["state"], delivery(api, webhook)["attempts"]) == ("active", 1)


def test_a_disabled_webhook_hears_nothing(zoom, receiver, api, add, connect_user):
    webhook = add(receiver.url)
    other = add(receiver.url + "/other")
    shown = change(api, webhook, state="disabled").must_be(200).json
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "by_request")
    disconnect(zoom, connect_user())
    receiver.wait(1, path="/other")
    assert deliveries(api, webhook) == [] and len(deliveries(api, other)) == 1


def test_a_receiver_that_is_not_there_is_said_so(api, add):
    webhook = add("http://127.0.0.1:1/")
    send_test(api, webhook)
    failed = attempted(api, webhook, 1)
    assert failed["last_status"] is None and "cannot be connected to" in failed["last_error"]


def test_of_a_long_answer_the_beginning_is_kept_as_text(api, add):
    body = "ü".encode() * 100 + b"\xff\0" + b"x" * 100_000
    with WebhookReceiver(lambda _: (200, {}, body)) as receiver:
        webhook = add(receiver.url)
        send_test(api, webhook)
        done = wait_until(lambda: (one := delivery(api, webhook))["state"] == "delivered" and one)
        assert done["last_answer"] == "ü" * 100 + "??" + "x" * 298
        assert len(receiver.received) == 1


def test_a_webhook_that_fails_rests_as_a_whole(stack, zoom, api, add, connect_user):
    """Of many deliveries that are due at once only a few find out that nobody is there."""
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add(receiver.url)
        first = connect_user()
        users = [first, *(connect_user(like=first) for _ in range(11))]
        for user in users:
            disconnect(zoom, user)
        wait_until(lambda: read(api, webhook)["paused_until"], what="the pause")
        settled(stack, webhook)
        count = len(receiver.received)
        assert 3 <= count <= 4
        receiver.answer = lambda _: 200
        pass_time(stack, webhook, MINUTE)
        wait_until(lambda: len(deliveries(api, webhook, state="delivered")) == 12)
        assert read(api, webhook)["paused_until"] is None


# Order

def test_the_changes_of_one_subject_come_in_order_and_those_of_others_do_not_wait(zoom, api, add, connect_user):
    """The first notification of one user fails; the user's next one waits for it, another user's does not."""
    with WebhookReceiver() as receiver:
        add(receiver.url)
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


def test_a_slow_receiver_holds_up_nobody(api, add):
    release = threading.Event()
    with WebhookReceiver(lambda received: release.wait(30) and 200 or 200) as slow, WebhookReceiver() as fast:
        slow_webhook, fast_webhook = add(slow.url), add(fast.url)
        for _ in range(20):
            send_test(api, slow_webhook)
        for number in range(1, 6):
            send_test(api, fast_webhook)
            fast.wait(number, timeout=5)
        assert slow.received == []
        release.set()
        slow.wait(20)


# Once more

def test_redelivery_sends_the_same_again(api, receiver, add):
    webhook = add(receiver.url)
    made = send_test(api, webhook)
    wait_until(lambda: delivery(api, webhook)["state"] == "delivered")
    again = redeliver(api, webhook, made).must_be(202).json
    assert (again["id"], again["attempts"]) == (made["id"], 0)
    one, other = receiver.wait(2)
    assert one.id == other.id and one.body == other.body
    wait_until(lambda: delivery(api, webhook)["state"] == "delivered")


def test_redelivery_of_what_waits_for_its_next_try_is_at_once(api, add):
    with WebhookReceiver(answers((503, {"Retry-After": "3600"}, b""), 200)) as receiver:
        webhook = add(receiver.url)
        made = send_test(api, webhook)
        attempted(api, webhook, 1)
        redeliver(api, webhook, made).must_be(202)
        assert [each.status for each in receiver.wait(2)] == [503, 200]


def test_deliveries_are_listed_by_state(api, add, receiver):
    webhook = add(receiver.url)
    send_test(api, webhook)
    wait_until(lambda: deliveries(api, webhook, state="delivered"))
    assert deliveries(api, webhook, state="failed") == deliveries(api, webhook, state="pending") == []
    assert list(api.get(f"{WEBHOOKS}/{webhook['id']}/deliveries",
                        query={"state": "gone"}).must_be(400).fields) == ["state"]


def test_a_deleted_webhook_takes_its_deliveries_along(stack, api, add):
    webhook = add("http://127.0.0.1:1/")
    send_test(api, webhook)
    attempted(api, webhook, 1)
    row_id = stack.database.value("SELECT id FROM webhooks WHERE public_id = ?", webhook["id"])
    api.delete(f"{WEBHOOKS}/{webhook['id']}").must_be(200)
    assert stack.database.value("SELECT count(*) FROM webhook_deliveries WHERE webhook_id = ?", row_id) == 0


def test_what_is_old_and_done_with_is_dropped(stack, api, receiver, add):
    webhook = add(receiver.url)
    old, young = send_test(api, webhook), send_test(api, webhook)
    wait_until(lambda: len(deliveries(api, webhook, state="delivered")) == 2)
    time_travel.write(stack, "UPDATE webhook_deliveries SET created_at = created_at - ? WHERE public_id = ?",
                      31 * time_travel.DAY, old["id"])
    time_travel.make_clean_up_due(stack)
    wait_until(lambda: len(deliveries(api, webhook)) == 1)
    assert delivery(api, webhook)["id"] == young["id"]


# Secrets

def test_after_a_rotation_both_secrets_sign_for_a_day(stack, api, receiver, add, secrets):
    webhook = add(receiver.url)
    rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
    secrets.add("webhook secret", rotated["secret"], in_answers=True)
    assert rotated["secret"] != webhook["secret"]
    assert 86000 < seconds_from_now(rotated["former_secret_signs_until"]) <= 86400
    send_test(api, webhook)
    got, = receiver.wait(1)
    assert got.is_signed_with(rotated["secret"])
    assert got.has_standard_signature(webhook["secret"]) and not got.has_attendee_signature(webhook["secret"])
    settled(stack, webhook)
    pass_time(stack, webhook, time_travel.DAY)
    send_test(api, webhook)
    last = receiver.wait(2)[1]
    assert last.is_signed_with(rotated["secret"]) and not last.has_standard_signature(webhook["secret"])
    assert len(last.headers["webhook-signature"].split()) == 1


def test_rotations_in_a_row_leave_nobody_out(stack, api, receiver, add, secrets):
    """As where the answer with the new secret got lost: what the receiver has is still the first one."""
    webhook = add(receiver.url)
    newest_first = [webhook["secret"]]
    for number in range(1, 6):
        rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
        secrets.add("webhook secret", rotated["secret"], in_answers=True)
        newest_first.insert(0, rotated["secret"])
        send_test(api, webhook)
        got = receiver.wait(number)[-1]
        signing = newest_first[:5]
        assert got.is_signed_with(signing[0])
        assert all(got.has_standard_signature(secret) for secret in signing)
        assert len(got.headers["webhook-signature"].split()) == len(signing)
    settled(stack, webhook)
    pass_time(stack, webhook, time_travel.DAY)
    rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
    secrets.add("webhook secret", rotated["secret"], in_answers=True)
    send_test(api, webhook)
    last = receiver.wait(6)[5]
    assert last.is_signed_with(rotated["secret"]) and last.has_standard_signature(newest_first[0])
    assert len(last.headers["webhook-signature"].split()) == 2


# Where nothing is sent

@pytest.fixture(scope="module")
def strict_stack(state_directory, zoom, secrets, server):
    """As in production: only https and public addresses."""
    with state_directory("strict") as directory:
        stack = run_stack(directory, zoom, secrets, server, HALLPASS_ALLOW_PRIVATE_URLS="false")
        yield stack
        end_stack(stack, zoom)


@pytest.mark.parametrize("url", [
    "http://a.example/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://LOCALHOST./",
    "https://a.localhost/", "https://10.1.2.3/", "https://169.254.169.254/", "https://0x7f000001/", "https://127.1/",
    "https://2130706433/", "https://[::ffff:127.0.0.1]/", "https://a.example:25/", "https://a.example:80/",
    "https://[64:ff9b::7f00:1]/", "https://100.64.0.1/"])
def test_a_receiver_that_cannot_be_public_is_refused_at_once(strict_stack, url):
    api = strict_stack.create_project().api
    assert list(api.post(WEBHOOKS, json={"url": url, "triggers": [BOT]}).must_be(400).fields) == ["url"]
    answer = api.post("/api/v1/bots", json={"meeting_url": MEETING, "webhooks": [{"url": url, "triggers": [BOT]}]})
    assert list(answer.must_be(400).fields) == ["webhooks[0].url"]


@pytest.mark.parametrize("url", ["https://127.0.0.1:{port}/", "https://localhost:{port}/", "http://127.0.0.1:{port}/",
                                 "https://[::ffff:127.0.0.1]:{port}/", "https://ip6-localhost:{port}/"])
def test_whatever_stands_in_the_database_nothing_private_is_connected_to(strict_stack, secrets, receiver, url):
    """A name that turned private after it was checked looks like this to the worker."""
    api = strict_stack.create_project().api
    webhook = api.post(WEBHOOKS, json={"url": "https://a.example/", "triggers": [BOT]}).must_be(201).json
    secrets.add("webhook secret", webhook["secret"], in_answers=True)
    time_travel.write(strict_stack, "UPDATE webhooks SET url = ? WHERE public_id = ?",
                      url.format(port=receiver.server.server_port), webhook["id"])
    send_test(api, webhook)
    failed = attempted(api, webhook, 1)
    assert failed["last_status"] is None and receiver.received == []
    assert any(words in failed["last_error"] for words in ("not public", "https", "looked up")), failed


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(strict_stack, secrets, receiver):
    """The machine's own name, which /etc/hosts leads to an address of its own."""
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this machine's name leads nowhere")
    api = strict_stack.create_project().api
    webhook = api.post(WEBHOOKS, json={"url": f"https://{name}:{receiver.server.server_port}/",
                                       "triggers": [BOT]}).must_be(201).json
    secrets.add("webhook secret", webhook["secret"], in_answers=True)
    send_test(api, webhook)
    failed = attempted(api, webhook, 1)
    assert address in failed["last_error"] and "not public" in failed["last_error"]
    assert receiver.received == []
