"""Deliveries that were made: sent once more, listed, and dropped in the end."""

from support import time_travel
from support.waiting import wait_until
from support.webhook import WEBHOOKS, attempted, deliveries, delivery, redeliver, send_test
from support.webhook_receiver import WebhookReceiver, answers


def test_redelivery_sends_the_same_again(api, receiver, add_webhook):
    webhook = add_webhook(receiver.url)
    made = send_test(api, webhook)
    wait_until(lambda: delivery(api, webhook)["state"] == "delivered")
    again = redeliver(api, webhook, made).must_be(202).json
    assert (again["id"], again["attempts"]) == (made["id"], 0)
    one, other = receiver.wait(2)
    assert one.id == other.id and one.body == other.body
    wait_until(lambda: delivery(api, webhook)["state"] == "delivered")


def test_redelivery_of_what_waits_for_its_next_try_is_at_once(api, add_webhook):
    with WebhookReceiver(answers((503, {"Retry-After": "3600"}, b""), 200)) as receiver:
        webhook = add_webhook(receiver.url)
        made = send_test(api, webhook)
        attempted(api, webhook, 1)
        redeliver(api, webhook, made).must_be(202)
        assert [each.status for each in receiver.wait(2)] == [503, 200]


def test_deliveries_are_listed_by_state(api, add_webhook, receiver):
    webhook = add_webhook(receiver.url)
    send_test(api, webhook)
    wait_until(lambda: deliveries(api, webhook, state="delivered"))
    assert deliveries(api, webhook, state="failed") == deliveries(api, webhook, state="pending") == []
    assert list(api.get(f"{WEBHOOKS}/{webhook['id']}/deliveries",
                        query={"state": "gone"}).must_be(400).fields) == ["state"]


def test_a_deleted_webhook_takes_its_deliveries_along(stack, api, add_webhook):
    webhook = add_webhook("http://127.0.0.1:1/")
    send_test(api, webhook)
    attempted(api, webhook, 1)
    row_id = stack.database.value("SELECT id FROM webhooks WHERE public_id = ?", webhook["id"])
    api.delete(f"{WEBHOOKS}/{webhook['id']}").must_be(200)
    assert stack.database.value("SELECT count(*) FROM webhook_deliveries WHERE webhook_id = ?", row_id) == 0


def test_what_is_old_and_done_with_is_dropped(stack, api, receiver, add_webhook):
    webhook = add_webhook(receiver.url)
    old, young = send_test(api, webhook), send_test(api, webhook)
    wait_until(lambda: len(deliveries(api, webhook, state="delivered")) == 2)
    time_travel.write(stack, "UPDATE webhook_deliveries SET created_at = created_at - ? WHERE public_id = ?",
                      31 * time_travel.DAY, old["id"])
    time_travel.make_clean_up_due(stack)
    wait_until(lambda: len(deliveries(api, webhook)) == 1)
    assert delivery(api, webhook)["id"] == young["id"]
