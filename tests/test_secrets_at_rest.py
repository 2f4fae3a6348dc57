"""Secrets at rest are sealed to their place: nothing in clear, nothing that opens elsewhere."""

import base64
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.token_callback import TokenCallback, attendee_body, attendee_signature
from support.waiting import wait_until

SEALED = [("zoom_oauth_apps", "client_secret"), ("zoom_oauth_apps", "webhook_secret"),
          ("zoom_oauth_credentials", "refresh_token"), ("zoom_oauth_credentials", "access_token"),
          ("token_callbacks", "signing_secret"), ("webhooks", "secret"), ("webhooks", "former_secret")]


@pytest.fixture
def make(stack, zoom, api):
    return lambda **arguments: make_joiner(stack, zoom, api, **arguments)


@pytest.fixture
def joiner(make):
    return make()


@pytest.fixture
def attendee(stack, api):
    """A token callback with a signing secret."""
    return TokenCallback(api, stack.anonymous, "attendee",
                         signing_secret=base64.b64encode(os.urandom(32)).decode())


@pytest.fixture
def webhook_secrets(api, secrets):
    """A webhook's secret and the one before it."""
    answers = [api.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:1/", "triggers": ["bot.state_change"]})]
    answers.append(api.post(f"/api/v1/webhooks/{answers[0].must_be(201).json['id']}/rotate_secret").must_be(200))
    for answer in answers:
        secrets.add("webhook secret", answer.json["secret"], in_answers=True)
    return [answer.json["secret"] for answer in answers]


def row_id(stack, joiner):
    return stack.database.value("SELECT id FROM zoom_oauth_connections WHERE public_id = ?", joiner.id)


# In clear


def test_nothing_that_was_used_is_anywhere_in_clear(stack, zoom, api, joiner, attendee, webhook_secrets):
    joiner.expire_at_zoom()
    assert joiner.joins()
    joiner.refresh().must_be(200)
    joiner.connected.authorize().must_be(201)
    api.post("/api/v1/zoom_oauth_connections", json={
        "zoom_oauth_app_id": joiner.connected.app_id, "redirect_uri": "https://customer.example/x",
        "authorization_code": "a-code-that-zoom-refuses", "code_verifier": "v" * 30 + "erifier-0123",
    }).must_be(400)
    api.patch(f"/api/v1/zoom_oauth_apps/{joiner.connected.app_id}", json={
        "client_secret": "a-secret-that-zoom-refuses"}).must_be(400)
    body = attendee_body(joiner.bot["meeting_url"], {"zoom_oauth_connection_id": joiner.id})
    signature = attendee_signature(attendee.signing_secret, body)
    tokens = attendee.post("zoom_tokens_url", body, {"X-Webhook-Signature": signature}, tokens="zak_token")
    assert list(tokens.must_be(200).json) == ["zak_token"]
    attendee.post("zoom_tokens_url", body, {"X-Webhook-Signature": "wrong"}).must_be(401)
    recall = TokenCallback(api, stack.anonymous, "recall")
    access = recall.get("access_token_callback_url", zoom_oauth_connection_id=joiner.id).must_be(200).body.decode()
    stack.secrets.add("access_token", access, in_answers=True)
    recall.engine_api.get("/callbacks/" + recall.secret).must_be(404)
    recall.engine_api.call("HEAD", recall.path("zak_url")).must_be(405)
    zoom.remove_grant(**joiner.who, event=True)
    assert joiner.read()["connection_failure_data"]["code"] == "app_deauthorized"

    stack.secrets.add_simulators(zoom, joiner.connected.client_id)
    assert {"API key", "client_secret", "webhook_secret", "authorization_code", "code_verifier",
            "access_token", "refresh_token", "local_recording token", "zak token", "callback secret",
            "signing_secret", "webhook secret"} <= set(
                stack.secrets.kinds.values())
    assert (stack.directory / "hallpass.db-wal").stat().st_size > 0
    assert not stack.leaks()


@pytest.mark.parametrize("table, column", SEALED)
def test_what_is_sealed_is_ciphertext(stack, joiner, attendee, webhook_secrets, table, column):
    values = [row[column] for row in stack.database.rows(
        f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")]
    assert values
    for value in values:
        assert isinstance(value, bytes) and value[0] == 1
    assert len({value[5:17] for value in values}) == len(values), "a nonce was used twice"


# In another place


def swap(stack, ada, bob, column):
    values = [stack.database.value(f"SELECT {column} FROM zoom_oauth_credentials"
                                   " WHERE connection_id = ?", row_id(stack, joiner))
              for joiner in (bob, ada)]
    for joiner, value in zip((ada, bob), values):
        time_travel.of_connection(stack, f"UPDATE zoom_oauth_credentials SET {column} = ?"
                                  " WHERE connection_id = ?", joiner.id, value)


def test_a_refresh_token_that_was_moved_to_another_row_does_not_open(stack, make):
    ada = make()
    bob = make(like=ada.connected)
    swap(stack, ada, bob, "refresh_token")
    for joiner in ada, bob:
        time_travel.expire_access_token(stack, joiner.id)
        answer = joiner.zoom_tokens()
        assert (answer["join_flow"], answer["join_flow_reason"]) == (
            "standard", "credentials_unreadable")
        assert joiner.refresh().must_be(500).code == "credentials_unreadable"
        assert time_travel.run_upkeep(stack, joiner.id)["code"] == "credentials_unreadable"
        assert joiner.refreshes() == 0
    swap(stack, ada, bob, "refresh_token")
    assert ada.joins() and bob.joins()


def test_an_access_token_that_was_moved_to_another_row_does_not_open(stack, make):
    ada = make()
    bob = make(like=ada.connected)
    swap(stack, ada, bob, "access_token")
    calls = ada.zoom.count_requests(**ada.who)
    answer = ada.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "credentials_unreadable")
    assert ada.zoom.count_requests(**ada.who) == calls
    swap(stack, ada, bob, "access_token")
    assert ada.joins() and bob.joins()


def test_a_value_that_was_moved_to_another_column_does_not_open(stack, joiner):
    time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET refresh_token = access_token"
                              " WHERE connection_id = ?", joiner.id)
    assert joiner.refresh().must_be(500).code == "credentials_unreadable"
    assert joiner.refreshes() == 0


def test_credentials_that_were_moved_to_another_project_do_not_open(stack, joiner):
    move = "UPDATE zoom_oauth_connections SET project_id = ? WHERE id = ?"
    other, own = stack.create_project("others"), stack.database.value(
        "SELECT project_id FROM zoom_oauth_connections WHERE public_id = ?", joiner.id)
    time_travel.of_connection(stack, move, joiner.id, other.row_id)
    refused = other.api.post(f"/api/v1/zoom_oauth_connections/{joiner.id}/refresh").must_be(500)
    assert refused.code == "credentials_unreadable"
    assert joiner.refreshes() == 0
    time_travel.of_connection(stack, move, joiner.id, own)
    assert joiner.joins()


def test_a_client_secret_that_was_moved_to_another_app_does_not_open(stack, make):
    ada, bob = make(), make()
    moved, own = [stack.database.value("SELECT client_secret FROM zoom_oauth_apps WHERE public_id = ?",
                                       joiner.connected.app_id) for joiner in (ada, bob)]
    for value, code in (moved, 500), (own, 200):
        time_travel.write(stack, "UPDATE zoom_oauth_apps SET client_secret = ? WHERE public_id = ?",
                          value, bob.connected.app_id)
        bob.refresh().must_be(code)
    assert bob.refreshes() == 1


def test_the_doctor_names_row_and_column_of_what_was_moved(private_stack, zoom):
    stack = private_stack()
    api = stack.create_project().api
    ada = make_joiner(stack, zoom, api)
    bob = make_joiner(stack, zoom, api, like=ada.connected)
    swap(stack, ada, bob, "refresh_token")
    time_travel.write(stack, "UPDATE zoom_oauth_apps SET webhook_secret = client_secret")
    doctor = stack.run("hallpass", "doctor", check=False)
    assert doctor.returncode == 1
    for name in (f"zoom_oauth_credentials.refresh_token of {ada.id}",
                 f"zoom_oauth_credentials.refresh_token of {bob.id}",
                 f"zoom_oauth_apps.webhook_secret of {ada.connected.app_id}"):
        assert name in doctor.stdout
    assert re.search(r"no key opens 3 of 6 \(", doctor.stdout)


def test_all_who_wait_for_the_same_refresh_are_told_that_the_credentials_do_not_open(stack, joiner):
    time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET refresh_token = x'01',"
                              " access_token = x'' WHERE connection_id = ?", joiner.id)
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(joiner.refresh) for _ in range(160)]
        assert {(answer.result().status, answer.result().code) for answer in answers} == {
            (500, "credentials_unreadable")}


def test_a_new_authorization_mends_credentials_that_do_not_open(stack, joiner):
    time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET refresh_token = x'01',"
                              " access_token = x'' WHERE connection_id = ?", joiner.id)
    assert joiner.zoom_tokens()["join_flow_reason"] == "credentials_unreadable"
    assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id
    assert joiner.joins()
    assert joiner.refresh().must_be(200).json["state"] == "connected"


# With other keys


def change_keys(stack, joiner, change):
    stack.down()
    change(stack.directory / "encryption.keys")
    stack.up()
    joiner.api.connection().close()  # it is opened anew


def new_key():
    return base64.b64encode(os.urandom(32)).decode() + "\n"


def tells_what_to_do(stack, joiner, piece):
    """The log of each program leads to the doctor, and the doctor to the copy, or to what is done without one."""
    def lines():
        return {line["route"]: line for name in ("bots", "zoom_oauth_connections")
                for line in map(json.loads, (stack.directory / f"logs/{name}.log").read_text().splitlines())
                if line.get("code") == "credentials_unreadable"}

    wait_until(lambda: set(lines()) == {"/api/v1/bots/:id/zoom_tokens", "/api/v1/zoom_oauth_connections/:id/refresh"},
               what="the lines")
    for line in [piece, *lines().values()]:
        assert line["code"] == "credentials_unreadable"
        assert line["error"].endswith(": run `hallpass doctor`, which says what to do")
    doctor = json.loads(stack.run("hallpass", "doctor", "--json", check=False).stdout)
    finding, = [each for each in doctor["findings"] if each["check"] == "secrets"]
    assert finding["level"] == "fail"
    assert re.match(rf"no key opens 4 of 4 \(.*zoom_oauth_credentials.refresh_token of {joiner.id}", finding["finding"])
    for word in "put back", "client_secret", "webhook_secret", "authorize again", "docs/operations.md":
        assert word in finding["advice"]


def test_a_database_with_another_key_file_says_so_and_loses_nothing(private_stack, zoom):
    stack = private_stack()
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    kept = (stack.directory / "encryption.keys").read_text()
    change_keys(stack, joiner, lambda keys: keys.write_text(new_key()))
    answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "credentials_unreadable")
    refused = joiner.refresh().must_be(500)
    assert refused.code == "credentials_unreadable" and "no key" in refused.json["error"]
    tells_what_to_do(stack, joiner, time_travel.run_upkeep(stack, joiner.id))
    assert joiner.read()["state"] == "connected"

    change_keys(stack, joiner, lambda keys: keys.write_text(kept))
    assert joiner.joins()
    assert stack.run("hallpass", "doctor").returncode == 0


def test_with_an_older_key_beside_a_newer_one_everything_opens(private_stack, zoom):
    stack = private_stack()
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    change_keys(stack, joiner, lambda keys: keys.write_text(new_key() + keys.read_text()))
    assert joiner.joins()
    joiner.refresh().must_be(200)
    assert joiner.joins()


def test_a_key_file_that_others_may_read_is_refused(private_stack):
    stack = private_stack()
    keys = stack.directory / "encryption.keys"
    keys.chmod(0o644)
    result = stack.run("hallpass-worker", "--once", check=False)
    keys.chmod(0o600)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and f"chmod g-w,o= {keys}" in result.stderr
