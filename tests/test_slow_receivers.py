"""Receivers that hang while others wait for their notifications."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from support.runner import BOTS, Runner
from support.waiting import wait_until
from support.webhook_receiver import WebhookReceiver

LINK, TRIGGER = "https://zoom.us/j/85512345678", "bot.state_change"
BOT_COUNT = 150
WINDOW, TIMEOUT_S = 8, 20  # posts that a receiver gets before any has worked, and how long each waits
SOON_S = TIMEOUT_S - 2  # before one of them is over
DOUBTFUL = 64  # that all such receivers of a project get


def test_a_receiver_that_hangs_holds_up_nobody_however_many_webhooks_lead_to_it(private_stack):
    api = private_stack().create_project().api
    released, hanging, began = threading.Event(), [], time.monotonic()

    def hang(received):
        hanging.append(received.path)
        return 200 if released.wait(60) else 500

    with WebhookReceiver(hang) as slow, WebhookReceiver() as fast:
        webhook = api.post("/api/v1/webhooks", json={"url": fast.url, "triggers": [TRIGGER]}).must_be(201).json

        def make(number):
            webhooks = [{"url": f"{slow.url}/{number}/{each}", "triggers": [TRIGGER]} for each in range(2)]
            api.post(BOTS, json={"meeting_url": LINK, "webhooks": webhooks}).must_be(201)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(make, range(BOT_COUNT)))
            list(pool.map(lambda _: Runner(api).claim(), range(BOT_COUNT)))
        try:
            wait_until(lambda: len(hanging) >= WINDOW, what="those that hang")
            fast.wait(BOT_COUNT, timeout=SOON_S)
            api.post(f"/api/v1/webhooks/{webhook['id']}/test").must_be(202)
            fast.wait(BOT_COUNT + 1, timeout=SOON_S)
            assert len(hanging) <= WINDOW * (1 + (time.monotonic() - began) // TIMEOUT_S)
        finally:
            released.set()
        wait_until(lambda: len(set(hanging)) == 2 * BOT_COUNT, 60, "what had to wait")


def test_a_project_of_which_many_receivers_hang_holds_up_no_other(private_stack):
    stack = private_stack()
    api, others = stack.create_project().api, stack.create_project().api
    released, hanging = threading.Event(), []

    def hang(received):
        hanging.append(received.path)
        return 200 if released.wait(60) else 500

    with contextlib.ExitStack() as at_end, WebhookReceiver() as fast:
        # Eight webhooks each, which is a receiver's window: more in all than there are places.
        slow = [at_end.enter_context(WebhookReceiver(hang)) for _ in range(40)]
        webhook = others.post("/api/v1/webhooks", json={"url": fast.url, "triggers": [TRIGGER]}).must_be(201).json

        def make(number):
            webhooks = [{"url": f"{slow[number % 40].url}/{number}/{each}", "triggers": [TRIGGER]} for each in range(2)]
            api.post(BOTS, json={"meeting_url": LINK, "webhooks": webhooks}).must_be(201)

        try:
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(make, range(160)))
                list(pool.map(lambda _: Runner(api).claim(), range(160)))
            wait_until(lambda: len(hanging) >= DOUBTFUL, what="those that hang")
            for count in range(1, 4):
                others.post(f"/api/v1/webhooks/{webhook['id']}/test").must_be(202)
                fast.wait(count, timeout=SOON_S)
        finally:
            released.set()
        wait_until(lambda: len(set(hanging)) == 320, 60, "what had to wait")
