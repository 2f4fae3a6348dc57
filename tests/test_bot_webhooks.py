"""Webhooks that a bot brings with it, and that hear of nothing but that bot."""

import pytest

from support.runner import Runner
from support.webhook import BOT, CONNECTION, KEYS, WEBHOOKS, change, deliveries, disconnect, read, send_test

MEETING = "https://zoom.us/j/85512345678"


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


def test_what_happens_to_a_bot_is_told_to_its_own_webhook_and_to_no_other_bots(
        either_api, receiver, add_webhook, add_bot):
    def hook(name):
        return {"url": f"{receiver.url}/{name}", "triggers": [BOT]}

    projects = add_webhook(receiver.url + "/project", [BOT], either_api)
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


def test_a_bots_webhook_hears_of_nothing_else(zoom, receiver, api, add_webhook, add_bot, connect_user):
    bot = add_bot(api, {"url": receiver.url + "/bot", "triggers": [BOT]})
    add_webhook(receiver.url + "/project", [CONNECTION])
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


def test_the_webhooks_of_bots_do_not_count_among_those_of_the_project(api, add_webhook, add_bot):
    for _ in range(10):
        add_bot(api, *[{"url": "http://127.0.0.1:9/", "triggers": [BOT]}] * 2)
    add_webhook("http://127.0.0.1:9/")


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
