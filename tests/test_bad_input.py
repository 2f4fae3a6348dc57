"""Whatever is wrong with a request: a clear 4xx of the one shape that names the field, and nothing stored."""

import base64
import contextlib
import gzip
import http.client
import json
import re
import socket
from urllib.parse import quote

import pytest

from support.runner import Runner
from support.token_callback import TokenCallback
from support.waiting import wait_until
from support.zoom_user import connect_user

APPS, CONNECTIONS, BOTS = "/api/v1/zoom_oauth_apps", "/api/v1/zoom_oauth_connections", "/api/v1/bots"
EVENTS, CALLBACKS, WEBHOOKS = "/api/v1/zoom_oauth/webhooks", "/api/v1/token_callbacks", "/api/v1/webhooks"
MEETING = "https://zoom.us/j/1234567890"
MIB = 1 << 20
EVENT_REJECTED = 2  # src/store/log_entry.h


class World:
    """One of everything, so that each route has something that bad input could harm."""

    def __init__(self, stack, zoom):
        self.stack, self.zoom = stack, zoom
        self.project = stack.create_project()
        self.api = self.project.api
        self.user = connect_user(self.api, zoom, deduplication_key="taken", metadata={"kept": True})
        wait_until(lambda: self.user.read()["last_successful_sync_at"])
        self.api.post(BOTS, json={"meeting_url": MEETING}).must_be(201)
        self.joining = Runner(self.api).claim(lease_s=3600)
        self.bot = self.api.post(BOTS, json={"meeting_url": MEETING}).must_be(201).json
        self.names = {"app": self.user.app_id, "connection": self.user.id, "bot": self.bot["id"],
                      "joining": self.joining["id"],
                      "callback": TokenCallback(self.api, stack.anonymous, "recall").id} | self.make_webhook()
        self.revoked_key = self.make_revoked_key()

    def make_webhook(self):
        """Of an app's states alone, and disabled: nothing that these tests do is told to it."""
        made = self.api.post(WEBHOOKS, json={"url": "http://127.0.0.1:9/",
                                             "triggers": ["zoom_oauth_app.state_change"]}).must_be(201).json
        self.stack.secrets.add("webhook secret", made["secret"], in_answers=True)
        test = self.api.post(f"{WEBHOOKS}/{made['id']}/test").must_be(202).json
        self.api.patch(f"{WEBHOOKS}/{made['id']}", json={"state": "disabled"}).must_be(200)
        wait_until(lambda: self.stack.database.value("SELECT due_at IS NULL AND holder IS NULL FROM webhooks"
                                                     " WHERE public_id = ?", made["id"]), what="the release")
        return {"webhook": made["id"], "delivery": test["id"]}

    def make_revoked_key(self):
        """That was good until it was revoked."""
        made = json.loads(self.stack.run("hallpass", "api-key", "create", self.project.id, "--json").stdout)
        self.stack.secrets.add("API key", made["api_key"])
        self.stack.api(made["api_key"]).get(APPS).must_be(200)
        self.stack.run("hallpass", "api-key", "revoke", made["api_key_id"])
        return made["api_key"]

    def path(self, template):
        return template.format(**self.names)

    def state(self):
        """All that is stored, and how often Zoom was asked."""
        tables = self.stack.database.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        stored = {table["name"]: self.stack.database.rows(f"SELECT * FROM \"{table['name']}\"") for table in tables}
        for app in stored["zoom_oauth_apps"]:
            app["last_rejected_webhook_at"] = None  # noting that is right, here and in the log
        stored["zoom_log"] = [entry for entry in stored["zoom_log"] if entry["type"] != EVENT_REJECTED]
        stored["periodic_jobs"] = None  # the worker's own
        return stored, self.zoom.count_requests(client_id=self.user.client_id)


@pytest.fixture(scope="module")
def world(stack, zoom):
    return World(stack, zoom)


@pytest.fixture(autouse=True)
def nothing_is_stored(world):
    before = world.state()
    yield
    assert world.state() == before


# Bodies: the table of all routes that take one

def text(bytes_max, is_required=False):
    wrong = [1, 1.5, True, ["x"], {"x": "y"}, "", "\0", "x\0y", "x" * (bytes_max + 1), "é" * (bytes_max // 2 + 1)]
    return wrong + ([None, ...] if is_required else [])


FLAG = [0, 1, "true", "false", "yes", "", [], {}]
OBJECT = [1, "x", "{}", True, [], [{}], {"k": "x" * 8192}, {"é" * 4096: 1}, {"k": "x\0y"}, {"k": [{"k": "\0"}]}]
TIME = [1, True, [], "", "tomorrow", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", "1767225600"]
LEASE_S = [9, 3601, 0, -60, 1 << 62, "60", 60.0, True, [], {}]
SUB_TYPE = text(64) + ["dancing", "user_requested"]
UNKNOWN = [1, None, "x"]

CONNECTION_SETTINGS = {
    "deduplication_key": text(255), "metadata": OBJECT, "is_local_recording_token_supported": FLAG,
    "is_onbehalf_token_supported": FLAG}
BOT_SETTINGS = {
    "bot_name": text(128), "zoom_oauth_connection_id": text(64) + ["zoauth_0123456789abcdef"],
    "zoom_settings": OBJECT, "join_at": TIME, "deduplication_key": text(255), "metadata": OBJECT}
GOOD_WEBHOOK = {"url": "https://a.example/", "triggers": ["bot.state_change"]}
TRIGGERS = [1, "bot.state_change", True, {}, [], [1], [None], [[]], ["bot.gone"], ["bot.state_change\0"],
            ["bot.state_change "], ["bot.state_change", "webhook.test"], ["x" * 8192]]
URL = ["a.example", "ftp://a.example/", "https://", "https:///x", "https:/x", "https:x", "https://a:b@a.example/",
       "https://a.example/#x", "https://a.example/ x", "https://a.example/\r\nX: y", "https://a.example:99999/",
       "javascript:alert(1)", "file:///etc/passwd", "https://[::1/"]

LEASED = {"lease_token": "lease_made_up"}

# route: (a good body, {field: wrong values}, fields of another route); ... leaves the field out.
BODIES = {
    ("POST", APPS): (
        {"client_id": "some-client", "client_secret": "made-up-0123456789"},
        {"client_id": text(255, True) + ["a b", "a:b", "a\nb"], "client_secret": text(255, True),
         "webhook_secret": text(255), "name": text(255)},
        ["id", "state", "Client_Id", "client_id ", "project_id"]),
    ("PATCH", APPS + "/{app}"): (
        {}, {"client_secret": text(255), "webhook_secret": text(255), "name": text(255)},
        ["client_id", "state", "NAME"]),
    ("POST", CONNECTIONS): (
        {"authorization_code": "made-up-0123456789", "redirect_uri": "https://customer.example/"},
        CONNECTION_SETTINGS | {
            "zoom_oauth_app_id": text(64) + ["zoapp_0123456789abcdef"],
            "authorization_code": text(4096, True), "redirect_uri": text(2048, True),
            "code_verifier": text(255)},
        ["code", "user_id", "Metadata", "is_local_recording_token_supported?"]),
    ("PATCH", CONNECTIONS + "/{connection}"): (
        {}, CONNECTION_SETTINGS, ["state", "user_id", "zoom_oauth_app_id", "authorization_code"]),
    ("POST", CONNECTIONS + "/{connection}/refresh"): ({}, {}, ["force", "metadata"]),
    ("POST", BOTS): (
        {"meeting_url": MEETING}, BOT_SETTINGS | {
            "meeting_url": [1, True, [MEETING], {}, "", None, ...],
            "webhooks": [1, "x", True, {}, GOOD_WEBHOOK, [GOOD_WEBHOOK] * 3]},
        ["id", "state", "join_flow", "meeting_id", "Bot_name"]),
    ("PATCH", BOTS + "/{bot}"): (
        {}, BOT_SETTINGS | {"meeting_url": [1, True, [MEETING], {}, ""], "webhooks": [[], 1, [GOOD_WEBHOOK]]},
        ["id", "state", "meeting_id"]),
    ("POST", BOTS + "/claim"): (
        {"runner_id": "r"}, {"runner_id": text(128, True), "lease_s": LEASE_S}, ["bot_id", "lease_token", "Lease_s"]),
    ("POST", BOTS + "/{joining}/heartbeat"): (
        LEASED, {"lease_token": text(64, True), "lease_s": LEASE_S}, ["runner_id", "state", "Lease_token"]),
    ("POST", BOTS + "/{joining}/events"): (
        LEASED | {"type": "joined_meeting"},
        {"lease_token": text(64, True), "type": text(64, True) + ["dancing", "join_requested", "Joined_meeting"],
         "sub_type": SUB_TYPE, "metadata": OBJECT},
        ["lease_s", "state", "created_at", "Type"]),
    ("POST", BOTS + "/{joining}/leave"): ({}, {}, ["lease_token", "now"]),
    ("POST", CALLBACKS): (
        {"engine": "attendee"},
        {"engine": text(64, True) + ["vexa", "RECALL"], "name": text(255),
         "signing_secret": text(255) + ["no base64!", "whsec_"]},
        ["id", "urls", "secret", "Engine"]),
    ("POST", WEBHOOKS): (
        GOOD_WEBHOOK, {"url": text(2048, True) + URL, "triggers": TRIGGERS + [None, ...]},
        ["id", "state", "secret", "bot_id", "Url"]),
    ("PATCH", WEBHOOKS + "/{webhook}"): (
        {}, {"url": text(2048) + URL + [None], "triggers": TRIGGERS + [None],
             "state": text(64) + [None, "paused", "Active", "deleted"]},
        ["id", "secret", "bot_id", "disabled_at"]),
    ("POST", WEBHOOKS + "/{webhook}/rotate_secret"): ({}, {}, ["secret", "force"]),
    ("POST", WEBHOOKS + "/{webhook}/test"): ({}, {}, ["message", "trigger"]),
    ("POST", WEBHOOKS + "/{webhook}/deliveries/{delivery}/redeliver"): ({}, {}, ["force", "payload"]),
}
NEEDS_NO_BODY = ("/refresh", "/leave", "/rotate_secret", "/test", "/redeliver")
ROUTES = pytest.mark.parametrize("method, template", BODIES, ids=[f"{each[0]} {each[1]}" for each in BODIES])


@ROUTES
def test_a_field_of_a_wrong_type_or_length_is_refused_by_its_name(method, template, world):
    good, fields, _ = BODIES[method, template]
    for name, values in fields.items():
        for value in values:
            body = {key: each for key, each in (good | {name: value}).items() if each is not ...}
            answer = world.api.call(method, world.path(template), json=body)
            assert (answer.status, answer.code) == (400, "invalid_request"), (name, value, answer)
            assert set(answer.fields) == {name}, (name, value, answer)
            assert name in answer.json["error"] and answer.fields[name] in answer.json["error"]


@ROUTES
def test_an_unknown_field_is_refused_by_its_name(method, template, world):
    good, fields, unknown = BODIES[method, template]
    for name in [*unknown, "", "ü", "x" * 300, "a\"b\\c\n", "é" * 60]:
        for value in UNKNOWN:
            answer = world.api.call(method, world.path(template), json=good | {name: value}).must_be(400)
            assert (answer.code, answer.fields) == ("invalid_request", {name: "is not a known field"})


@ROUTES
def test_all_wrong_fields_are_named_at_once(method, template, world):
    """But for a sub_type, which is judged by its type."""
    good, fields, unknown = BODIES[method, template]
    wrong = {name for name, values in fields.items() if values is not OBJECT and values is not SUB_TYPE}
    body = good | {name: 1 if name == "webhooks" else [] for name in wrong} | {name: 1 for name in unknown}
    answer = world.api.call(method, world.path(template), json=body).must_be(400)
    assert set(answer.fields) == wrong | set(unknown)


@ROUTES
def test_a_flood_of_unknown_fields_gets_a_small_answer(method, template, world):
    body = {f"unknown_{number}": 0 for number in range(40_000)}
    answer = world.api.call(method, world.path(template), json=body).must_be(400)
    assert answer.code == "invalid_request" and "unknown_0" in answer.fields
    assert len(answer.body) < 16_384


@pytest.mark.parametrize("field, settings", [
    ("zoom_settings.sdk", {"sdk": "desktop"}), ("zoom_settings.sdk", {"sdk": 1}),
    ("zoom_settings.onbehalf_token", {"onbehalf_token": "x"}), ("zoom_settings.onbehalf_token", {"onbehalf_token": []}),
    ("zoom_settings.onbehalf_token.zoom_oauth_connection_user_id", {"onbehalf_token": {}}),
    ("zoom_settings.onbehalf_token.zoom_oauth_connection_user_id",
     {"onbehalf_token": {"zoom_oauth_connection_user_id": 7}}),
    ("zoom_settings.onbehalf_token.zoom_oauth_connection_user_id",
     {"onbehalf_token": {"zoom_oauth_connection_user_id": ""}})])
def test_a_wrong_zoom_setting_is_refused_by_its_name(field, settings, world):
    for method, path, body in (("POST", BOTS, {"meeting_url": MEETING}), ("PATCH", world.path(BOTS + "/{bot}"), {})):
        answer = world.api.call(method, path, json=body | {"zoom_settings": settings}).must_be(400)
        assert set(answer.fields) == {field}


@pytest.mark.parametrize("url", ["no link", "https://example.com/j/1234567890", "https://zoom.us/j/12",
                                 "https://meet.google.com/abc-defg-hij", "https://zoom.us.evil.example/j/1234567890"])
def test_what_is_no_zoom_link_is_refused(url, world):
    for method, path in (("POST", BOTS), ("PATCH", world.path(BOTS + "/{bot}"))):
        answer = world.api.call(method, path, json={"meeting_url": url}).must_be(400)
        assert answer.code == "invalid_meeting_url"


NOT_JSON = {
    "truncated": b'{"name": "x', "truncated after a key": b'{"name":', "only an opening brace": b"{",
    "not JSON at all": b"name=x&y=z", "single quotes": b"{'name': 'x'}", "a trailing comma": b'{"name": "x",}',
    "two objects": b'{"name": "x"} {"name": "y"}', "a comment": b'{"name": "x" /* y */}',
    "NaN": b'{"name": NaN}', "a number beyond all bounds": b'{"name": 1e999}',
    "a whole number beyond all bounds": b'{"name": 123456789012345678901234567890}',
    "an array": b"[]", "an array of objects": b'[{"name": "x"}]', "text": b'"name"', "a number": b"7",
    "null": b"null", "white space": b" \n\t ",
    "bytes that are no UTF-8": b'{"name": "\xff\xfe"}', "latin-1": '{"name": "Zoë"}'.encode("latin-1"),
    "UTF-16": '{"name": "x"}'.encode("utf-16"), "an overlong encoding": b'{"name": "\xc0\xaf"}',
    "half a surrogate pair": b'{"name": "\\ud800"}', "an encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "half a character": b'{"name": "\xc3"}', "bad UTF-8 in a name": b'{"\xff": 1}',
    "a NUL byte": b'{"name": "x\0y"}', "nothing but NUL": b"\0\0\0\0", "NUL behind it": b'{"name": "x"}\0',
    "an escaped NUL in a name": b'{"na\\u0000me": 1}',
    "a control character": b'{"name": "x\ny"}', "a bad escape": b'{"name": "\\x41"}',
    "a name twice": b'{"name": "x", "name": "y"}', "a name twice further in": b'{"metadata": {"a": 1, "a": 1}}',
    "33 levels": b'{"a":' * 33 + b"1" + b"}" * 33, "half a MiB of levels": b"[" * (MIB // 2),
    "levels that nobody closes": b'{"a":' * 1000, "1 MiB of white space": b" " * MIB,
}


@ROUTES
def test_what_is_not_one_json_object_is_refused(method, template, world):
    for what, body in NOT_JSON.items():
        answer = world.api.call(method, world.path(template), raw=body)
        assert (answer.status, answer.code) == (400, "invalid_json"), (what, answer)
        assert len(answer.body) < 1000


def test_an_empty_body_is_refused_where_one_is_needed(world):
    for method, template in BODIES:
        if not template.endswith(NEEDS_NO_BODY):
            answer = world.api.call(method, world.path(template), raw=b"").must_be(400)
            assert answer.code == "invalid_json" and "empty" in answer.json["error"]


def test_a_field_that_stands_twice_is_named(world):
    answer = world.api.post(APPS, raw=b'{"client_id": "a", "client_secret": "s3cret-one", "client_secret": "s3cret-two"}')
    assert (answer.status, answer.code) == (400, "invalid_json")
    assert "client_secret" in answer.json["error"] and "s3cret" not in answer.json["error"]


def test_what_is_wrong_with_json_is_told_by_place_and_never_quoted(world):
    answer = world.api.post(APPS, raw=b'{\n  "client_id": "a",\n  "client_secret": s3cret-value\n}').must_be(400)
    assert "line 3" in answer.json["error"] and "s3cret" not in answer.json["error"]


def test_metadata_may_be_nested_but_no_deeper_than_the_limit(world):
    value = 1
    for _ in range(32):
        value = {"a": value}
    answer = world.api.patch(world.path(CONNECTIONS + "/{connection}"), json={"metadata": value}).must_be(400)
    assert answer.code == "invalid_json" and "32" in answer.json["error"]


@ROUTES
def test_another_content_type_is_refused(method, template, world):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "application/jsonx", "application/json-patch+json", "json", "text/json"):
        answer = world.api.call(method, world.path(template), raw=b'{"name": "x"}', headers={"Content-Type": kind})
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), kind
        assert "application/json" in answer.json["error"]


@ROUTES
def test_a_compressed_body_is_refused_as_what_it_is(method, template, world):
    body = json.dumps(BODIES[method, template][0]).encode()
    for encoding, sent in ("gzip", gzip.compress(body)), ("br", b"\x8b\x02\x80{}\x03"), ("gzip", body):
        answer = world.api.call(method, world.path(template), raw=sent, headers={"Content-Encoding": encoding})
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), encoding
        assert "Content-Encoding" in answer.json["error"]


def test_a_body_that_is_said_to_be_as_it_is_is_taken(world):
    for encoding in "identity", "":
        answer = world.api.post(BOTS, raw=b"{}", headers={"Content-Encoding": encoding}).must_be(400)
        assert set(answer.fields) == {"meeting_url"}


@pytest.mark.parametrize("kind", [None, ""])
def test_json_is_taken_without_any_content_type_as_well(world, kind):
    for api in (world.api, world.project.cgi_api):
        for raw, wrong in ((b"{}", {"meeting_url"}), (b'{"meeting_url": 1, "x": 2}', {"meeting_url", "x"})):
            answer = api.post(BOTS, raw=raw, headers={"Content-Type": kind}).must_be(400)
            assert set(answer.fields) == wrong


def test_what_is_not_json_is_refused_without_any_content_type_as_well(world):
    for api in (world.api, world.project.cgi_api):
        answer = api.post(BOTS, raw=b"meeting_url=x", headers={"Content-Type": None}).must_be(400)
        assert answer.code == "invalid_json"


def test_json_is_taken_with_a_charset_and_in_any_case(world):
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"):
        answer = world.api.post(BOTS, raw=b"{}", headers={"Content-Type": kind}).must_be(400)
        assert set(answer.fields) == {"meeting_url"}


# Too large

@ROUTES
def test_a_body_over_1_mib_is_413_through_nginx_and_as_plain_cgi(method, template, world):
    body = json.dumps({"name": "x" * (MIB - len('{"name": ""}') + 1)}).encode()
    assert len(body) == MIB + 1
    program = template.split("/")[3]
    for answer in (world.api.call(method, world.path(template), raw=body),
                   world.project.cgi(program, method, world.path(template), body)):
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert "1 MiB" in answer.json["error"] or "1048576" in answer.json["error"]


def test_a_body_of_1_mib_is_read_and_its_fields_judged(world):
    body = json.dumps({"meeting_url": "x" * (MIB - len('{"meeting_url": ""}'))}).encode()
    assert len(body) == MIB
    for answer in (world.api.post(BOTS, raw=body), world.project.cgi("bots", "POST", BOTS, body)):
        assert (answer.status, set(answer.fields)) == (400, {"meeting_url"})


@pytest.mark.parametrize("length, status", [
    ("-1", 400), ("abc", 400), ("1e3", 400), ("0x10", 400), (" 5", 400), ("5 5", 400),
    ("99999999999999999999999", 413), (str(MIB + 1), 413)])
def test_a_content_length_that_cannot_be_is_refused_as_plain_cgi(length, status, world):
    answer = world.project.cgi("bots", "POST", BOTS, b'{"meeting_url": "x"}', {"Content-Length": length})
    assert answer.status == status
    assert answer.code == ("body_too_large" if status == 413 else "invalid_request")


def test_a_body_shorter_than_its_content_length_is_refused_as_plain_cgi(world):
    answer = world.project.cgi("bots", "POST", BOTS, json.dumps({"meeting_url": MEETING}).encode(),
                               {"Content-Length": "500"})
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert "Content-Length" in answer.json["error"]


# Events from Zoom, which come without an API key

def send_signed(world, path, body):
    delivery = world.zoom.send_event(world.user.client_id, body_base64=base64.b64encode(body).decode(),
                                     url=world.stack.url + world.path(path), retry_delays_s=[])
    (attempt,) = delivery["attempts"]
    return attempt["status"], json.loads(attempt["body"])


@pytest.mark.parametrize("path", [EVENTS, EVENTS + "/{app}"])
def test_an_event_that_cannot_be_read_is_refused_although_it_is_signed(path, world):
    no_events = [b"{}", b'{"event": 1}', b'{"event": ""}', b'{"event": []}', b'{"payload": {}}']
    for body in [*NOT_JSON.values(), *no_events]:
        status, error = send_signed(world, path, body)
        assert status == 400 and error["code"] in ("invalid_json", "invalid_request"), (body[:80], error)
        assert set(error) == {"error", "code"}
    assert send_signed(world, path, b" " * (MIB + 1))[0] == 413


@pytest.mark.parametrize("path", [EVENTS, EVENTS + "/{app}"])
def test_an_event_that_nobody_signed_is_refused_whatever_it_is(path, world):
    for body in [*NOT_JSON.values(), b"", b"{}", b'{"event": "meeting.started", "payload": []}']:
        answer = world.stack.anonymous.post(world.path(path), raw=body)
        assert answer.status in (400, 401) and answer.code, (body[:80], answer)
    assert world.stack.anonymous.post(world.path(path), raw=b" " * (MIB + 1)).must_be(413).code == "body_too_large"


# Queries

LISTS = {
    APPS: {}, CONNECTIONS: {"state": ["", "gone", "CONNECTED"], "zoom_oauth_app_id": ["", "x" * 256],
                            "user_id": ["", "x" * 256], "deduplication_key": ["", "x" * 256]},
    CONNECTIONS + "/{connection}/meetings": {}, CONNECTIONS + "/{connection}/log": {}, APPS + "/{app}/log": {},
    BOTS: {"state": ["", "gone", "READY"], "deduplication_key": ["", "x" * 5000],
           "join_at_after": TIME[3:], "join_at_before": TIME[3:]},
    CALLBACKS: {}, CALLBACKS + "/{callback}/uses": {},
    WEBHOOKS: {"bot_id": ["", "x" * 256]}, WEBHOOKS + "/{webhook}/deliveries": {"state": ["", "gone", "Pending"]},
}
PAGING = {"page_size": ["", "0", "-1", "101", "abc", "1.5", "5x", " 5", "1e1", "0x5", "9" * 30],
          "cursor": ["", "x", "1", "0", "x" * 513, "AAAA", "a" * 60, "ü", "%"]}


@pytest.mark.parametrize("template", LISTS)
def test_a_wrong_query_is_refused_by_the_name_of_its_field(template, world):
    for name, values in (LISTS[template] | PAGING | {"unknown": ["", "1"], "State": ["connected"]}).items():
        for value in values:
            answer = world.api.get(world.path(template), query={name: value})
            assert (answer.status, answer.code) == (400, "invalid_request"), (name, value, answer)
            assert set(answer.fields) == {name}, (name, value)


@pytest.mark.parametrize("template", LISTS)
def test_a_query_that_cannot_be_decoded_is_refused(template, world):
    for query in ("page_size=%zz", "page_size=%", "page_size=1%2", "%=1", "page_size=%00", "cursor=%ff",
                  "%ff=1", "cursor=%c0%af", "page_size=1&page_size=2", "page_size=1&page%5Fsize=1"):
        answer = world.api.get(world.path(template) + "?" + query).must_be(400)
        assert answer.code == "invalid_request", query
    assert "page_size" in answer.json["error"]
    world.api.get(world.path(template) + "?&&page%5Fsize=1&").must_be(200)


def test_delete_takes_no_query_but_revoke(world):
    path = world.path(CONNECTIONS + "/{connection}")
    for query, name in ({"revoke": "no"}, "revoke"), ({"revoke": ""}, "revoke"), ({"revok": "false"}, "revok"):
        assert set(world.api.delete(path, query=query).must_be(400).fields) == {name}
    world.api.delete(path + "?revoke=false&revoke=false").must_be(400)


# Paths and methods

PATHS = {
    APPS: "GET, POST", APPS + "/{app}": "DELETE, GET, PATCH", APPS + "/{app}/log": "GET",
    CONNECTIONS: "GET, POST", CONNECTIONS + "/{connection}": "DELETE, GET, PATCH",
    CONNECTIONS + "/{connection}/refresh": "POST", CONNECTIONS + "/{connection}/meetings": "GET",
    CONNECTIONS + "/{connection}/log": "GET",
    BOTS: "GET, POST", BOTS + "/{bot}": "DELETE, GET, PATCH", BOTS + "/{bot}/zoom_tokens": "POST",
    BOTS + "/claim": "POST", BOTS + "/{joining}/heartbeat": "POST", BOTS + "/{joining}/events": "POST",
    BOTS + "/{joining}/leave": "POST", EVENTS: "POST", EVENTS + "/{app}": "POST",
    CALLBACKS: "GET, POST", CALLBACKS + "/{callback}": "DELETE, GET", CALLBACKS + "/{callback}/uses": "GET",
    WEBHOOKS: "GET, POST", WEBHOOKS + "/{webhook}": "DELETE, GET, PATCH", WEBHOOKS + "/{webhook}/rotate_secret": "POST",
    WEBHOOKS + "/{webhook}/test": "POST", WEBHOOKS + "/{webhook}/deliveries": "GET",
    WEBHOOKS + "/{webhook}/deliveries/{delivery}": "GET",
    WEBHOOKS + "/{webhook}/deliveries/{delivery}/redeliver": "POST",
    "/health": "GET", "/ready": "GET", "/metrics": "GET", "/api/v1/openapi.json": "GET",
}
KEYLESS = ("/health", "/ready", "/metrics", "/api/v1/openapi.json", EVENTS, EVENTS + "/{app}")


@pytest.mark.parametrize("template", PATHS)
def test_a_method_that_a_path_does_not_have_is_405_with_allow(template, world):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"}:
        if method in PATHS[template].split(", "):
            continue
        for api in (world.api, world.stack.anonymous):
            answer = api.call(method, world.path(template)).must_be(405)
            assert ", ".join(sorted(answer.headers["allow"].split(", "))) == PATHS[template]
            assert answer.body == b"" if method == "HEAD" else answer.code == "method_not_allowed"


@pytest.mark.parametrize("path", [
    "/", "/api", "/api/v1", "/api/v1/", "/api/v2/bots", "/API/v1/bots", "/api/v1/Bots", "/api/v1/bot",
    "/api/v1/botsx", "/api/v1/zoom_oauth", "/api/v1/zoom_oauth_appsx", "/api/v1/zoom_oauth_apps//",
    "/api//v1/zoom_oauth_apps", "//api/v1/bots", "/x/../api/v1/bots", "/api/v1/./bots", "/api/v1/bots%2F",
    "/api/v1%2Fbots", "/api/v1/bots/a/b", "/api/v1/bots/a/zoom_tokens/b", "/api/v1/zoom_oauth_apps/a/b",
    "/api/v1/zoom_oauth_connections/a/refresh/b", "/api/v1/zoom_oauth_connections/a/logs",
    "/api/v1/zoom_oauth_apps/a/log/b", "/api/v1/bots/claim/x", "/api/v1/bots/a/heartbeat/b", "/api/v1/bots/a/event",
    "/api/v1/zoom_oauth/webhooks/a/b", "/api/v1/token_callbacks/a/uses/b", "/api/v1/webhooks/a/b", "/api/v1/webhooksx",
    "/api/v1/webhooks/a/deliveries/b/c", "/api/v1/webhooks/a/deliveries/b/redeliver/c", "/callbacks", "/callbacks/",
    "/health/x", "/readyx", "/metrics/x", "/api/v1/openapi", "/api/v1/openapi.json/x",
    "/ready/..", "/favicon.ico", "/index.html", "/cgi-bin/bots", "/error"])
def test_an_unknown_path_is_a_404_of_the_one_shape(path, world):
    for method in ("GET", "POST"):
        answer = world.api.call(method, path).must_be(404)
        assert answer.code == "not_found"
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("wrong_id", [
    "x", "zoapp_", "1", "0", "-1", "null", "' OR 1=1 --", "ü", "\n", "a/b", "..", "%", "+", "*", "x" * 5000,
    "zoapp_%s", "{}", "?revoke=false", "#x"])
def test_an_id_that_cannot_be_is_not_found(wrong_id, world):
    for template in PATHS:
        for name in re.findall("{(.*?)}", template):  # each in turn, beside good ones
            path = template.format(**world.names | {name: quote(wrong_id, safe="")})
            for method in PATHS[template].split(", "):
                body = BODIES.get((method, template), [None])[0]
                if EVENTS in path:
                    body = {"event": "x"}
                elif method == "PATCH" and WEBHOOKS not in path:
                    body = {"metadata": {}}
                answer = world.api.call(method, path, json=body).must_be(404)
                assert answer.code == "not_found", (method, path)


def test_an_id_that_cannot_be_decoded_is_refused(world):
    for odd, status in (("%zz", 400), ("%", 400), ("%4", 400), ("a%00b", 400), ("%ff", 404), ("%c0%af", 404)):
        answer = world.api.get(f"{APPS}/{odd}").must_be(status)
        assert answer.code == ("invalid_request" if status == 400 else "not_found")


def test_an_address_that_is_too_long_is_refused(world):
    through_nginx = world.api.get(f"{APPS}/{'x' * 9000}").must_be(414)
    assert through_nginx.code == "invalid_request"
    as_cgi = world.project.cgi("zoom_oauth_apps", "GET", f"{APPS}/{'x' * 9000}").must_be(400)
    assert as_cgi.code == "target_too_long"
    assert world.project.cgi("zoom_oauth_apps", "GET", f"{APPS}?cursor={'x' * 9000}").must_be(400)


# Headers

def test_a_request_without_an_api_key_is_missing_one(world):
    for template, methods in PATHS.items():
        if template in KEYLESS:
            continue
        for method in methods.split(", "):
            for headers in ({}, {"Authorization": ""}, {"Api-Key": world.project.key}):
                answer = world.stack.anonymous.call(method, world.path(template), raw=b"{", headers=headers)
                assert (answer.status, answer.code) == (401, "missing_api_key"), (method, template)
                assert answer.headers["www-authenticate"] == "Token"


def test_an_authorization_header_that_is_wrong_is_an_invalid_api_key(world):
    key = world.project.key
    for header in ("Token", "Bearer", "Token wrong", f"Basic {key}", key, f"Token{key}", f"Tokens {key}",
                   f"Token {key}x", f"Token {key[:-1]}", f"Token {key.swapcase()}", f"Token {key} {key}",
                   f"Token {key}, Token {key}", f"Token \"{key}\"", f"Token={key}", f"Token\t{key}",
                   f"Token {world.revoked_key}", f"Bearer {world.revoked_key}",
                   "Token " + "x" * 7000, "Token \xff\xfe", "Token ' OR 1=1 --"):
        answer = world.stack.anonymous.get(APPS, headers={"Authorization": header})
        assert (answer.status, answer.code) == (401, "invalid_api_key"), header
        assert key not in answer.body.decode()


def test_token_and_bearer_are_taken_in_any_case(world):
    for scheme in ("Token", "token", "Bearer", "BEARER"):
        world.stack.anonymous.get(APPS, headers={"Authorization": f"{scheme} {world.project.key}"}).must_be(200)


def test_a_header_that_is_too_large_is_refused(world):
    answer = world.api.get(APPS, headers={"X-Large": "x" * 40_000}).must_be(400)
    assert answer.code == "invalid_request"


def raw_answer(stack, request):
    """What nginx says to bytes that no HTTP client would send."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", stack.port), timeout=10)) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize("request_line, status", [
    (b"GET /api/v1/bots HTTP/9.9", 505), (b"get /api/v1/bots HTTP/1.1", 400), (b"GET api/v1/bots HTTP/1.1", 400),
    (b"GET /api/v1/bots\0 HTTP/1.1", 400), (b"POST /api/v1/bots HTTP/1.1\r\nContent-Length: -1", 400),
    (b"POST /api/v1/bots HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6", 400),
    (b"POST /api/v1/bots HTTP/1.1\r\nTransfer-Encoding: gzip", 501), (b"TRACE /api/v1/bots HTTP/1.1", 405)])
def test_what_is_no_http_request_is_answered_in_the_one_shape(request_line, status, world):
    answered, body = raw_answer(world.stack, request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answered == status
    assert set(body) == {"error", "code"}


def test_a_chunked_body_is_read_and_limited_like_any_other(world):
    head = (f"POST {BOTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
            f"Content-Type: application/json\r\nAuthorization: Token {world.project.key}\r\n\r\n").encode()
    assert raw_answer(world.stack, head + b'2\r\n{}\r\n0\r\n\r\n')[1]["details"]["fields"] == {
        "meeting_url": "is required"}
    large = b"%x\r\n" % (MIB + 1) + b" " * (MIB + 1) + b"\r\n0\r\n\r\n"
    assert raw_answer(world.stack, head + large)[0] == 413
