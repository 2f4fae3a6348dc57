"""As in production, nothing is sent to an address that is not public, or without TLS."""

import socket

import pytest

from conftest import end_stack, run_stack
from support import time_travel
from support.webhook import BOT, WEBHOOKS, attempted, send_test

MEETING = "https://zoom.us/j/85512345678"


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
