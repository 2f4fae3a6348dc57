"""docs/webhooks.md: its three receivers, told by Hallpass and by forgers, and whether its table of waits is right."""

import base64
import hashlib
import hmac
import json
import math
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from support.page import read
from support.port import free_port
from support.runner import Runner
from support.stack import ROOT
from support.waiting import wait_until

EXAMPLES = ROOT / "docs/examples"
WEBHOOKS, BOTS = "/api/v1/webhooks", "/api/v1/bots"
MEETING = "https://zoom.us/j/85512345678"


def command(language, port):
    return {"python": ["/usr/bin/python3", EXAMPLES / "receive.py"], "node": ["node", EXAMPLES / "receive.mjs"],
            "php": ["php", "-S", f"127.0.0.1:{port}", EXAMPLES / "receive.php"]}[language]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Application:
    """One of the page's, with the webhook whose secret it has."""

    def __init__(self, api, secrets, language, check, tmp_path):
        self.api, self.port = api, free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.webhook = api.post(WEBHOOKS, json={"url": self.url, "triggers": ["bot.state_change"]}).must_be(201).json
        self.secret = self.webhook["secret"]
        secrets.add("webhook secret", self.secret, in_answers=True)
        self.process = subprocess.Popen(command(language, self.port), env={
            "PATH": os.environ["PATH"], "SECRET": self.secret, "PORT": str(self.port), "CHECK": check,
            "SEEN": str(tmp_path)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self):
        wait_until(lambda: listens(self.port), what="the receiver")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def next_line(self):
        """The next that it has handled: its trigger and data."""
        trigger, data = self.process.stdout.readline().decode().split(" ", 1)
        return trigger, json.loads(data)

    def deliveries(self):
        return self.api.get(f"{WEBHOOKS}/{self.webhook['id']}/deliveries").must_be(200).json["results"]

    def delivered(self, attempts=1):
        return wait_until(lambda: (all_of_them := self.deliveries()) and all(
            each["state"] == "delivered" and each["attempts"] == attempts for each in all_of_them) and all_of_them)

    def forge(self, body, headers):
        request = urllib.request.Request(self.url, body, headers | {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture(params=["python", "node", "php"])
def start(request, api, secrets, tmp_path):
    return lambda check: Application(api, secrets, request.param, check, tmp_path)


@pytest.mark.parametrize("check", ["standard", "attendee"])
def test_a_receiver_takes_each_notification_once(api, start, check):
    with start(check) as application:
        api.post(BOTS, json={"meeting_url": MEETING, "metadata": {"name": "Zoë / 😀"}}).must_be(201)
        Runner(api).claim()
        trigger, data = application.next_line()
        assert (trigger, data["new_state"]) == ("bot.state_change", "joining")
        made, = application.delivered()
        path = f"{WEBHOOKS}/{application.webhook['id']}"
        api.post(f"{path}/deliveries/{made['id']}/redeliver").must_be(202)
        application.delivered()
        api.post(f"{path}/test").must_be(202)
        assert application.next_line()[0] == "webhook.test"


def mac(secret, signed):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


BODY = b'{"data":{},"idempotency_key":"msg_1","trigger":"webhook.test"}'


def standard(secret, at, body=BODY):
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{mac(secret, f'msg_1.{at}.'.encode() + body)}"}


def test_a_receiver_refuses_what_standard_webhooks_would_refuse(start):
    with start("standard") as application:
        secret, now = application.secret, int(time.time())
        other = "whsec_" + base64.b64encode(b"x" * 32).decode()
        right = standard(secret, now)
        for wrong in ({}, standard(other, now), standard(secret, now - 400), standard(secret, now + 400),
                      right | {"webhook-id": "msg_2"}, right | {"webhook-timestamp": str(now + 1)},
                      right | {"webhook-timestamp": "soon"}, right | {"webhook-signature": "v1,"},
                      {"X-Webhook-Signature": mac(secret, BODY)}):
            assert application.forge(BODY, wrong) == 401, wrong
        assert application.forge(BODY + b" ", right) == 401
        both = right["webhook-signature"] + " " + standard(other, now)["webhook-signature"]
        assert application.forge(BODY, right | {"webhook-signature": both}) == 204


def test_a_receiver_refuses_what_attendee_would_not_have_signed(start):
    with start("attendee") as application:
        right = {"X-Webhook-Signature": mac(application.secret, BODY)}
        for wrong in ({}, {"X-Webhook-Signature": ""}, {"X-Webhook-Signature": mac(application.secret, b"{}")},
                      standard(application.secret, int(time.time()))):
            assert application.forge(BODY, wrong) == 401, wrong
        assert application.forge(BODY, right) == 204


def limit_s():
    source = (ROOT / "src/worker/webhook_post.c").read_text()
    return int(re.search(r"TIMEOUT_MS = (\d+)", source).group(1)) // 1000


def test_the_page_tells_the_waits_between_attempts_and_for_an_answer():
    units = {"s": 1, "min": 60, "h": 3600}
    told = re.search(r"waits are (.*?), each", read("webhooks.md").replace("\n", " ")).group(1)
    assert f"none within {limit_s()} seconds" in read("webhooks.md")
    waits = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)", told)]
    source = (ROOT / "src/notify/verdict.c").read_text()
    listed = re.search(r"waits_s\[\] = \{(.*?)\}", source, re.DOTALL).group(1).split(",")
    assert waits == [math.prod(map(int, each.split("*"))) for each in listed if each.strip()]
