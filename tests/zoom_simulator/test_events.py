import hashlib
import hmac
import json
import re
import time

import pytest

from .conftest import Tenant, http_call
from .webhook_delivery import signature, validation_answer

# The vectors of Zoom's own sample and of a live capture, recomputed by hand from the protocol.
SECRET = "fixture-secret-token-not-a-real-secret"
CAPTURED = (
    '{"event":"meeting.started","payload":{"account_id":"AcctYmLQWo2ZfC9U8mKGD4","object":'
    '{"duration":30,"start_time":"2026-07-29T23:55:56Z","timezone":"America/Santiago","topic":'
    '"PRUEBA SPIKE — no unirse","id":"86084701483","type":2,"uuid":"de+IDqR9f3hhT9D8/NA/J1==",'
    '"host_id":"UsermSB-FIHyajLpZE6nd3","host_email":"host-1213@example-synthetic.test"}},'
    '"event_ts":1785369356750}').encode()


@pytest.fixture
def tenant(zoom, receiver):
    """A tenant whose user has authorized, and whose app listens."""
    tenant = Tenant(zoom, webhook_url=receiver.url, retry_delays_s=[])
    tenant.tokens = tenant.connect()
    return tenant


def is_signed(headers, body, secret):
    signed = b"v0:" + headers["x-zm-request-timestamp"].encode() + b":" + body
    expected = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return headers["x-zm-signature"] == expected


def test_the_signature_is_that_of_the_captured_event():
    assert signature(SECRET, "1785368934", CAPTURED) == (
        "v0=a3a35ac2373123007f8b5d7c790e65d93217f00d7c419f63a49e303d3eb7c178")


def test_the_answer_to_url_validation_is_that_of_the_vector():
    assert validation_answer(SECRET, "qgg8vlvZRS6UYooatFL8Aw")["encryptedToken"] == (
        "501d03bbef2249b81044802aa44ca9da0790e696d7751b5256a1caf211ce9e82")


def test_an_event_carries_the_headers_that_were_measured(tenant, receiver):
    meeting = tenant.zoom.create_meeting(tenant.user_id)
    before = int(time.time())
    delivery, = tenant.zoom.start_meeting(meeting["id"])["deliveries"]
    assert delivery["accepted"] and delivery["attempts"][0]["status"] == 200
    assert delivery["attempts"][0]["body"] == "{}"
    (headers, body), = receiver.received
    assert is_signed(headers, body, tenant.app["webhook_secret"])
    assert before <= int(headers["x-zm-request-timestamp"]) <= time.time()
    assert headers["clientid"] == tenant.client_id
    assert headers["authorization"] == tenant.app["verification_token"]
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["user-agent"] == "Zoom Marketplace/1.0a"
    for name, shape in (("x-zm-request-id", r"\w{8}_\w{4}_\w{4}_\w{4}_\w{12}"),
                        ("x-zm-trackingid", r"v=2\.0;clid=us02;rid=WEB_[0-9a-f]{32}"),
                        ("traceparent", r"00-[0-9a-f]{32}-[0-9a-f]{16}-02"),
                        ("zm-trace-upstream", "Meeting_Web_marketplace-consumer")):
        assert re.fullmatch(shape, headers[name]), name


def test_meeting_started_and_ended_have_the_keys_of_the_capture_and_an_id_that_is_text(
        tenant, receiver):
    meeting = tenant.zoom.create_meeting(tenant.user_id, topic="Zoë — 1")
    tenant.zoom.start_meeting(meeting["id"])
    tenant.zoom.end_meeting(meeting["id"], event={"event_ts": 1785369806781})
    started, ended = (json.loads(body) for _, body in receiver.received)
    captured = json.loads(CAPTURED)
    assert list(started) == list(captured)
    assert list(started["payload"]["object"]) == list(captured["payload"]["object"])
    assert started["payload"]["object"]["id"] == str(meeting["id"])
    assert started["payload"]["object"]["host_id"] == tenant.user_id
    assert "Zoë — 1".encode() in receiver.received[0][1]
    assert ended["payload"]["object"]["end_time"] == "2026-07-30T00:03:26Z"
    assert ended["event_ts"] == 1785369806781


def test_meeting_created_updated_and_deleted_have_an_id_that_is_a_number_and_an_operator(
        tenant, receiver):
    zoom = tenant.zoom
    assistant = zoom.create_user()
    meeting = zoom.create_meeting(tenant.user_id, event=True, operator_id=assistant["id"])
    zoom.change_meeting(meeting["id"], topic="New")
    zoom.delete_meeting(meeting["id"], occurrence={"occurrence_id": "1",
                                                   "start_time": "2026-01-01T00:00:00Z"})
    assert zoom.meeting(meeting["id"])["topic"] == "New"
    zoom.delete_meeting(meeting["id"])
    bodies = [json.loads(body) for _, body in receiver.received]
    assert [each["event"] for each in bodies] == [
        "meeting.created", "meeting.updated", "meeting.deleted", "meeting.deleted"]
    for each in bodies:
        assert each["payload"]["object"]["id"] == meeting["id"]
        assert each["payload"]["object"]["host_id"] == tenant.user_id
    created, updated, single, whole = (each["payload"] for each in bodies)
    assert created["operator_id"] == assistant["id"] and created["object"]["join_url"]
    assert updated["object"]["topic"] == "New"
    assert updated["old_object"]["topic"] == meeting["topic"]
    assert single["operation"] == "single" and len(single["object"]["occurrences"]) == 1
    assert whole["operation"] == "all" and "occurrences" not in whole["object"]


def test_participant_events_put_the_payload_first(tenant, receiver):
    meeting = tenant.zoom.create_meeting(tenant.user_id)
    tenant.zoom.participant_joined(meeting["id"], tenant.user_id)
    tenant.zoom.participant_left(meeting["id"])
    joined, left = (json.loads(body) for _, body in receiver.received)
    assert list(joined) == ["payload", "event_ts", "event"]
    participant = joined["payload"]["object"]["participant"]
    assert participant["id"] == participant["participant_user_id"] == tenant.user_id
    assert "join_time" in participant
    assert joined["payload"]["object"]["id"] == str(meeting["id"])
    guest = left["payload"]["object"]["participant"]
    assert (guest["id"], guest["email"]) == ("", "") and "leave_time" in guest


def test_each_joining_has_a_session_of_its_own_that_its_leaving_names(tenant, receiver):
    meeting = tenant.zoom.create_meeting(tenant.user_id)
    first, other = (tenant.zoom.participant_joined(meeting["id"], tenant.user_id)["session"] for _ in range(2))
    assert tenant.zoom.participant_left(meeting["id"], tenant.user_id, session=first)["session"] == first
    tenant.zoom.participant_left(meeting["id"], tenant.user_id)
    assert [json.loads(body)["payload"]["object"]["participant"]["user_id"]
            for _, body in receiver.received] == [first, other, first, other] and first != other


def test_user_updated_holds_only_what_changed(tenant, receiver):
    tenant.zoom.change_pmi(tenant.user_id, 5551234567)
    body = json.loads(receiver.received[0][1])
    assert body["event"] == "user.updated"
    assert body["payload"]["object"] == {"id": tenant.user_id, "pmi": 5551234567}
    assert body["payload"]["old_object"] == {"id": tenant.user_id, "pmi": tenant.user["pmi"]}


@pytest.mark.parametrize("method, event", [("deactivate_user", "user.deactivated"),
                                           ("delete_user", "user.deleted"),
                                           ("disassociate_user", "user.disassociated")])
def test_a_user_who_goes_is_announced_and_loses_the_grant(tenant, receiver, method, event):
    getattr(tenant.zoom, method)(tenant.user_id)
    body = json.loads(receiver.received[0][1])
    assert body["event"] == event
    assert body["payload"]["object"]["id"] == tenant.user_id
    assert not tenant.zoom.grant(tenant.client_id, tenant.user_id)["living"]


def test_app_deauthorized_is_sent_for_published_apps_only(zoom, receiver):
    tenants = [Tenant(zoom, webhook_url=receiver.url, published=each) for each in (True, False)]
    for tenant in tenants:
        token = tenant.connect()["access_token"]
        http_call(f"{zoom.oauth_url}/revoke", "POST", {"token": token}, tenant.basic())
    published, unpublished = tenants
    delivery, = zoom.wait_for_deliveries(1, published.client_id, "app_deauthorized")
    assert zoom.deliveries(unpublished.client_id) == []
    payload = json.loads(delivery["body"])["payload"]
    assert list(payload) == ["account_id", "client_id", "deauthorization_time", "signature",
                             "user_data_retention", "user_id"]
    assert payload["client_id"] == published.client_id
    assert payload["user_id"] == published.user_id and payload["user_data_retention"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payload["deauthorization_time"])


def test_the_removal_of_an_app_can_be_announced_on_request(tenant, receiver):
    answer = tenant.zoom.remove_grant(tenant.client_id, tenant.user_id, event=True)
    assert answer["deliveries"][0]["event"] == "app_deauthorized"
    assert len(receiver.received) == 1


def test_only_apps_that_the_user_authorized_hear_of_the_user(zoom, tenant, receiver):
    other = Tenant(zoom, webhook_url=receiver.url)
    meeting = zoom.create_meeting(tenant.user_id)
    assert [each["client_id"] for each in zoom.start_meeting(meeting["id"])["deliveries"]] == [
        tenant.client_id]
    forced = zoom.end_meeting(meeting["id"], event={"client_ids": [other.client_id]})
    assert [each["client_id"] for each in forced["deliveries"]] == [other.client_id]
    assert zoom.start_meeting(meeting["id"], event=False)["deliveries"] == []


def test_a_retry_has_the_same_body_and_request_id_and_a_new_signature(tenant, receiver):
    zoom = tenant.zoom
    # More than a second, so that the timestamp in seconds has to differ.
    zoom.change_app(tenant.client_id, retry_delays_s=[1.1, 0.05, 0.05])
    receiver.answers = [(503, b"busy"), (500, b""), (200, b"{}")]
    first, = zoom.start_meeting(zoom.create_meeting(tenant.user_id)["id"])["deliveries"]
    assert not first["settled"] and first["attempts"][0]["body"] == "busy"
    delivery, = zoom.wait_for_deliveries(1, tenant.client_id)
    assert delivery["accepted"]
    assert [each["status"] for each in delivery["attempts"]] == [503, 500, 200]
    (one, body), (two, body_two), _ = receiver.received
    assert body == body_two
    assert one["x-zm-request-id"] == two["x-zm-request-id"]
    assert one["x-zm-request-timestamp"] != two["x-zm-request-timestamp"]
    assert one["x-zm-signature"] != two["x-zm-signature"]
    assert is_signed(two, body, tenant.app["webhook_secret"])


def test_retries_end_after_the_last_delay(tenant, receiver):
    tenant.zoom.change_app(tenant.client_id, retry_delays_s=[0.02, 0.02, 0.02])
    receiver.answers = [(500, b"")] * 9
    tenant.zoom.start_meeting(tenant.zoom.create_meeting(tenant.user_id)["id"])
    delivery, = tenant.zoom.wait_for_deliveries(1, tenant.client_id)
    assert len(delivery["attempts"]) == 4 and not delivery["accepted"]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 409, 429])
def test_a_refusal_below_500_is_not_retried(tenant, receiver, status):
    tenant.zoom.change_app(tenant.client_id, retry_delays_s=[0.01])
    receiver.answers = [(status, b"no")]
    delivery = tenant.zoom.send_event(tenant.client_id, {"event": "meeting.started"})
    assert delivery["settled"] and not delivery["accepted"] and len(delivery["attempts"]) == 1


def test_a_lost_connection_and_a_late_answer_are_retried(tenant, receiver):
    zoom = tenant.zoom
    refused = zoom.send_event(tenant.client_id, {}, url="http://127.0.0.1:1/",
                              retry_delays_s=[0.01])
    assert refused["attempts"][0]["error"].startswith("ConnectionRefusedError")

    def late(body):
        time.sleep(0.3)
        return 200, b"{}"

    receiver.answers = [late]
    slow = zoom.send_event(tenant.client_id, {}, timeout_s=0.1, retry_delays_s=[0.01])
    assert not slow["settled"] and slow["attempts"][0]["error"]
    ends = {each["id"]: each for each in zoom.wait_for_deliveries(2, tenant.client_id)}
    assert ends[slow["id"]]["accepted"]
    assert len(ends[refused["id"]]["attempts"]) == 2


def test_a_delivery_can_be_repeated_with_the_same_bytes(tenant, receiver):
    first = tenant.zoom.send_event(tenant.client_id, '{"event": "odd",  "spaces": true}')
    tenant.zoom.redeliver(first["id"])
    (one, body), (two, body_two) = receiver.received
    assert body == body_two == b'{"event": "odd",  "spaces": true}'
    assert one["x-zm-request-id"] == two["x-zm-request-id"]
    assert is_signed(two, body, tenant.app["webhook_secret"])


def test_events_can_be_spoilt(tenant, receiver):
    send, secret = tenant.zoom.send_event, tenant.app["webhook_secret"]
    body = {"event": "meeting.started"}
    send(tenant.client_id, body, signature="wrong")
    send(tenant.client_id, body, signature=None)
    send(tenant.client_id, body, timestamp_offset_s=-3600)
    send(tenant.client_id, body, timestamp="soon")
    send(tenant.client_id, body, headers={"clientid": None, "x-extra": "1"})
    send(tenant.client_id, body, secret="another")
    send(tenant.client_id, body_base64="/wA=")
    headers = [headers for headers, _ in receiver.received]
    assert headers[0]["x-zm-signature"].startswith("v0=")
    assert not is_signed(headers[0], receiver.received[0][1], secret)
    assert "x-zm-signature" not in headers[1]
    assert abs(int(headers[2]["x-zm-request-timestamp"]) + 3600 - time.time()) < 30
    assert is_signed(headers[2], receiver.received[2][1], secret)
    assert headers[3]["x-zm-request-timestamp"] == "soon"
    assert "clientid" not in headers[4] and headers[4]["x-extra"] == "1"
    assert is_signed(headers[5], receiver.received[5][1], "another")
    assert receiver.received[6][1] == b"\xff\x00"
    assert is_signed(headers[6], b"\xff\x00", secret)


def test_url_validation_accepts_the_right_answer_and_names_what_is_wrong(tenant, receiver):
    secret = tenant.app["webhook_secret"]

    def right(body):
        plain = json.loads(body)["payload"]["plainToken"]
        digest = hmac.new(secret.encode(), plain.encode(), hashlib.sha256).hexdigest()
        return 200, json.dumps({"plainToken": plain, "encryptedToken": digest}).encode()

    def wrong(body):
        return 200, right(body)[1].replace(b'"encryptedToken": "', b'"encryptedToken": "0')

    receiver.answers = [right, wrong, (200, b"OK"), (204, b"")]
    results = [tenant.zoom.validate_url(tenant.client_id) for _ in range(4)]
    assert [each["valid"] for each in results] == [True, False, False, False]
    assert [each["problem"] for each in results] == [
        None, "encryptedToken is wrong", "the answer is not JSON", "status 204 instead of 200"]
    assert all(is_signed(headers, body, secret) for headers, body in receiver.received)
