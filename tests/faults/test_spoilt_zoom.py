"""Zoom answers, but not as it should: too slowly, too much, half, or with a certificate of its own."""

import socket
import ssl
import subprocess
import threading
import time

import pytest

from kill_points import come_back, prove, says_interrupted
from outcomes import KEPT, LOST, UNAVOIDABLE
from support.joiner import make_joiner
from support.waiting import wait_until
from test_kill_refresh import before_now

TIMEOUT_S = 2  # of the shared stack

# How the answer comes, and what the join hears. Zoom does nothing where it gives such an answer instead.
SPOILT = {
    "byte by byte": ("timeout", {"status": 200, "body": "x" * 500, "byte_delay_ms": 20}),
    "10 MB": ("unavailable", {"huge_bytes": 10_000_000}),
    "cut off": ("unavailable", {"status": 200, "body": "{" + "x" * 500, "truncate_bytes": 100}),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("call", ["a refresh", "a call of the API"])
def test_an_answer_that_is_spoilt_costs_one_join_and_no_user(zoom, joiner, how, call):
    reason, fault = SPOILT[how]
    where = {"path": "/oauth/token", "grant_type": "refresh_token"}
    if call != "a refresh":
        where = {"path": "/v2/meetings/*/jointoken/*"}
    joiner.expire_at_zoom()
    with zoom.fault(**where, **fault, **joiner.who):
        started = time.monotonic()
        answer = joiner.zoom_tokens()
        assert time.monotonic() - started < TIMEOUT_S + 2
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", reason)
    assert joiner.read()["state"] == "connected"
    wait_until(joiner.joins, what="joining with a token again")
    assert prove(joiner) == KEPT


@pytest.mark.parametrize("how, fault", [
    pytest.param("byte by byte, too slowly", {"byte_delay_ms": 20}),
    pytest.param("cut off", {"truncate_bytes": 100}),
    pytest.param("half a JSON", {"broken_json": True}),
    pytest.param("lost with the connection", {"drop": "after"}, marks=[pytest.mark.short]),
])
def test_an_answer_that_holds_the_new_token_and_does_not_come_to_us_whole_is_told_as_that(
        zoom, joiner, row, how, fault):
    end = row("refresh", UNAVOIDABLE, f"the answer is {how}", "bots")
    began = before_now()
    joiner.expire_at_zoom()
    with joiner.spoil_refresh(**fault):
        assert joiner.zoom_tokens()["join_flow"] == "standard"
    assert joiner.read()["state"] == "connected"
    outcome = prove(joiner)
    assert outcome == f"{LOST}: refresh_interrupted" and says_interrupted(joiner, began)
    come_back(joiner)
    assert prove(joiner) == KEPT
    end(outcome)


class Impostor:
    """A TLS server with a certificate that nobody has signed, and what it got to read."""

    def __init__(self, folder):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", "key.pem", "-out",
                        "certificate.pem"], cwd=folder, check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        self.handshakes, self.received = 0, b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.handshakes += 1
            try:
                with self.context.wrap_socket(client, server_side=True) as tls:
                    self.received += tls.recv(4096)
            except OSError:
                pass  # hung up on, as it should be

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def start_anew(stack, api, settings):
    stack.down()
    api.connection().close()
    stack.settings = settings
    stack.up()


def test_a_certificate_that_nobody_has_signed_is_refused_before_anything_is_sent(
        private_stack, zoom, tmp_path):
    stack = private_stack()
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    impostor = Impostor(tmp_path)
    honest = stack.settings
    start_anew(stack, joiner.api, honest | {"HALLPASS_ZOOM_OAUTH_URL": impostor.url + "/oauth"})
    joiner.expire_at_zoom()
    answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "unavailable")
    refused = joiner.refresh().must_be(503)
    assert refused.code == "zoom_unavailable" and "certificate" in refused.json["error"].lower()
    assert impostor.handshakes >= 2 and impostor.received == b""
    # What was not sent cannot have rotated: no attempt is left open.
    assert stack.database.rows("SELECT * FROM zoom_oauth_refresh_attempts") == []
    assert joiner.read()["state"] == "connected"
    impostor.close()
    start_anew(stack, joiner.api, honest)
    assert prove(joiner) == KEPT
    zoom.remove_grant(**joiner.who, event=False)
    joiner.refresh().must_be(200)
    assert joiner.read()["connection_failure_data"]["code"] == "invalid_grant"
