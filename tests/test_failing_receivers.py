"""Receivers that fail, or are not there: when a delivery is tried again, and when a webhook rests or is disabled."""

import threading

import pytest

from support import time_travel
from support.waiting import wait_until
from support.webhook import (
    WEBHOOKS, attempted, change, deliveries, delivery, disconnect, instant, pass_time, read, redeliver, send_test,
    settled)
from support.webhook_receiver import WebhookReceiver, answers

MINUTE = 60 * 1_000_000


def wait_after(failed):
    """The seconds that the next attempt is put off, from the beginning of the one that failed."""
    return (instant(failed["next_attempt_at"]) - instant(failed["last_attempt_at"])).total_seconds()


@pytest.mark.parametrize("status", [500, 503, 404, 400, 301, 302, 199 + 5 * 100])
def test_what_is_no_2xx_is_tried_again_with_the_same_id(stack, api, add_webhook, status):
    with WebhookReceiver(answers((status, {"Location": "/elsewhere"}, b"sorry"), 204)) as receiver:
        webhook = add_webhook(receiver.url)
        made = send_test(api, webhook)
        failed = attempted(api, webhook, 1)
        assert (failed["state"], failed["last_status"], failed["last_answer"]) == ("pending", status, "sorry")
        assert str(status) in failed["last_error"] and 0 < wait_after(failed) < 20
        assert read(api, webhook)["failing_since"] is not None
        settled(stack, webhook)
        pass_time(stack, webhook, MINUTE)
        one, other = receiver.wait(2)
        assert one.id == other.id == made["id"] and one.body == other.body and one.path == other.path == "/"
        assert other.is_signed_with(webhook["secret"])
        done = wait_until(lambda: (each := delivery(api, webhook))["state"] == "delivered" and each)
        assert done["attempts"] == 2 and done["last_error"] is None
        assert read(api, webhook)["failing_since"] is None


def test_the_first_retry_comes_by_itself_after_five_seconds(api, add_webhook):
    with WebhookReceiver(answers(500, 200)) as receiver:
        send_test(api, add_webhook(receiver.url))
        one, other = receiver.wait(2)
        assert 4 <= other.at - one.at <= 25


def test_retries_wait_longer_and_longer_and_end_after_ten(stack, api, add_webhook):
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add_webhook(receiver.url)
        send_test(api, webhook)
        for count, wait_s in enumerate([5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], 1):
            failed = attempted(api, webhook, count)
            settled(stack, webhook)
            assert failed["attempts"] == count
            assert 0.89 * wait_s <= wait_after(failed) <= 1.11 * wait_s + 5
            time_travel.write(stack, "UPDATE webhooks SET failing_since = ? WHERE public_id = ?",
                              time_travel.now(), webhook["id"])
            pass_time(stack, webhook, 2 * 86400 * 1_000_000)
        done = wait_until(lambda: (one := delivery(api, webhook))["state"] == "failed" and one)
        assert done["attempts"] == 10 and done["next_attempt_at"] is None and done["finished_at"]
        assert len({each.id for each in receiver.received}) == 1 and len(receiver.received) == 10


@pytest.mark.parametrize("value, least_s, most_s", [("120", 110, 125), ("junk", 3, 20)])
def test_retry_after_is_honoured(api, add_webhook, value, least_s, most_s):
    with WebhookReceiver(lambda _: (503, {"Retry-After": value}, b"")) as receiver:
        webhook = add_webhook(receiver.url)
        send_test(api, webhook)
        failed = attempted(api, webhook, 1)
        assert least_s < wait_after(failed) < most_s
        if least_s > 100:
            send_test(api, webhook)
            paused_s = (instant(read(api, webhook)["paused_until"]) - instant(failed["last_attempt_at"])).total_seconds()
            assert paused_s > least_s
            assert len(receiver.received) == 1


def test_gone_disables_the_webhook(stack, api, add_webhook):
    with WebhookReceiver(answers(410, 200)) as receiver:
        webhook = add_webhook(receiver.url)
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


def test_what_the_former_address_answered_says_nothing_of_the_one_that_it_moved_to(api, receiver, add_webhook):
    arrived, release = threading.Event(), threading.Event()
    with WebhookReceiver(lambda _: arrived.set() or release.wait(15) and 410) as former:
        webhook = add_webhook(former.url)
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


def test_days_of_nothing_but_failures_disable_it_and_nothing_is_lost(stack, api, add_webhook):
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add_webhook(receiver.url)
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


def test_one_failure_after_weeks_without_anything_to_tell_disables_nothing(stack, api, add_webhook):
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add_webhook(receiver.url)
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


def test_a_disabled_webhook_hears_nothing(zoom, receiver, api, add_webhook, connect_user):
    webhook = add_webhook(receiver.url)
    other = add_webhook(receiver.url + "/other")
    shown = change(api, webhook, state="disabled").must_be(200).json
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "by_request")
    disconnect(zoom, connect_user())
    receiver.wait(1, path="/other")
    assert deliveries(api, webhook) == [] and len(deliveries(api, other)) == 1


def test_a_receiver_that_is_not_there_is_said_so(api, add_webhook):
    webhook = add_webhook("http://127.0.0.1:1/")
    send_test(api, webhook)
    failed = attempted(api, webhook, 1)
    assert failed["last_status"] is None and "cannot be connected to" in failed["last_error"]


def test_of_a_long_answer_the_beginning_is_kept_as_text(api, add_webhook):
    body = "ü".encode() * 100 + b"\xff\0" + b"x" * 100_000
    with WebhookReceiver(lambda _: (200, {}, body)) as receiver:
        webhook = add_webhook(receiver.url)
        send_test(api, webhook)
        done = wait_until(lambda: (one := delivery(api, webhook))["state"] == "delivered" and one)
        assert done["last_answer"] == "ü" * 100 + "??" + "x" * 298
        assert len(receiver.received) == 1


def test_a_webhook_that_fails_rests_as_a_whole(stack, zoom, api, add_webhook, connect_user):
    """Of many deliveries that are due at once only a few find out that nobody is there."""
    with WebhookReceiver(lambda _: 500) as receiver:
        webhook = add_webhook(receiver.url)
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
