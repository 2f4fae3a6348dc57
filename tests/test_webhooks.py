"""Webhooks that we send: the API of them, and trying one out."""

import base64

import pytest

from support.processes import end
from support.waiting import wait_until
from support.webhook import (
    APP, BOT, CONNECTION, KEYS, WEBHOOKS, change, deliveries, delivery, read, send_test)
from support.webhook_receiver import WebhookReceiver


# The API

def test_a_webhook_has_all_its_keys_and_shows_its_secret_once(either_api, add_webhook):
    made = add_webhook("http://127.0.0.1:9/hook", [BOT, CONNECTION], either_api)
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


def test_a_webhook_is_changed_and_deleted(either_api, add_webhook):
    webhook = add_webhook("http://127.0.0.1:9/", [CONNECTION], either_api)
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


def test_another_project_sees_nothing_of_it(api, other_api, add_webhook):
    webhook = add_webhook("http://127.0.0.1:9/")
    assert other_api.get(WEBHOOKS).json["results"] == []
    other_api.get(f"{WEBHOOKS}/{webhook['id']}").must_be(404)
    other_api.delete(f"{WEBHOOKS}/{webhook['id']}").must_be(404)
    other_api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(404)
    assert read(api, webhook)["id"] == webhook["id"]


def test_there_is_a_limit_to_the_webhooks_of_a_project(api, add_webhook):
    for _ in range(20):
        last = add_webhook("http://127.0.0.1:9/")
    answer = api.post(WEBHOOKS, json={"url": "http://127.0.0.1:9/", "triggers": [BOT]}).must_be(409)
    assert answer.code == "too_many_webhooks" and "20" in answer.json["error"]
    api.delete(f"{WEBHOOKS}/{last['id']}").must_be(200)
    add_webhook("http://127.0.0.1:9/")


def test_a_list_goes_on_where_its_cursor_says(api, add_webhook):
    ids = [add_webhook("http://127.0.0.1:9/")["id"] for _ in range(3)]
    page = api.get(WEBHOOKS, query={"page_size": 2}).must_be(200).json
    assert [each["id"] for each in page["results"]] == ids[:0:-1]
    rest = api.get(page["next"]).must_be(200).json
    assert [each["id"] for each in rest["results"]] == ids[:1] and rest["next"] is None
    assert list(api.get(WEBHOOKS, query={"page_size": 101, "url": "x"}).must_be(400).fields) == ["page_size", "url"]


# Trying it out

def test_a_test_arrives_signed_both_ways(either_api, receiver, add_webhook):
    webhook = add_webhook(receiver.url + "/a/b?c=d", [BOT], either_api)
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


def test_what_takes_no_fields_says_so(api, add_webhook):
    webhook = add_webhook("http://127.0.0.1:9/")
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
