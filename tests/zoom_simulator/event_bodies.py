"""Bodies of Zoom's events, field by field as captured: order of keys, ids as text or as numbers."""

import os
import time

from .records import iso8601


def milliseconds():
    return int(time.time() * 1000)


def meeting_started(meeting, host, event_ts):
    return {"event": "meeting.started", "payload": {
        "account_id": host.account_id, "object": in_progress(meeting, host)}, "event_ts": event_ts}


def meeting_ended(meeting, host, event_ts):
    return {"event": "meeting.ended", "payload": {
        "account_id": host.account_id,
        "object": in_progress(meeting, host, end_time=iso8601(event_ts / 1000))},
        "event_ts": event_ts}


def in_progress(meeting, host, **end):
    """The object of started and ended: the id is text."""
    return {"duration": meeting.duration, "start_time": meeting.start_time,
            "timezone": meeting.timezone, **end, "topic": meeting.topic, "id": str(meeting.id),
            "type": meeting.type, "uuid": meeting.uuid, "host_id": host.id,
            "host_email": host.email}


def participant_moved(event, meeting, host, user, session, event_ts, guest_name=None):
    """participant_joined and _left; `user` is None for a guest. `payload` comes first in these."""
    joined = event == "meeting.participant_joined"
    about = {"customer_key": os.urandom(16).hex(), "public_ip": "203.0.113.1",
             "user_id": session,
             "user_name": user.display_name if user else guest_name or "Guest",
             "participant_user_id": user.id if user else "", "id": user.id if user else ""}
    at = iso8601(event_ts / 1000)
    if joined:
        about["join_time"] = at
    else:
        about |= {"leave_time": at, "leave_reason": "left the meeting", "private_ip": "10.0.0.7"}
    about |= {"email": user.email if user else "", "participant_uuid": uuid_in_capitals()}
    return {"payload": {"account_id": host.account_id, "object": {
        "uuid": meeting.uuid, "participant": about, "id": str(meeting.id), "type": meeting.type,
        "topic": meeting.topic, "host_id": host.id, "duration": meeting.duration,
        "start_time": meeting.start_time, "timezone": meeting.timezone}},
        "event_ts": event_ts, "event": event}


def uuid_in_capitals():
    text = os.urandom(16).hex().upper()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def meeting_scheduled(event, meeting, host, operator, event_ts, operation=None):
    """created and deleted: the id is a number, and the operator need not be the host."""
    payload = {"account_id": host.account_id, "operator": operator.email,
               "operator_id": operator.id}
    if operation:
        payload["operation"] = operation
    payload["object"] = {"uuid": meeting.uuid, "id": meeting.id, "host_id": host.id,
                         "topic": meeting.topic, "type": meeting.type,
                         "start_time": meeting.start_time, "duration": meeting.duration,
                         "timezone": meeting.timezone}
    return {"event": event, "event_ts": event_ts, "payload": payload}


def meeting_created(meeting, host, operator, event_ts):
    body = meeting_scheduled("meeting.created", meeting, host, operator, event_ts)
    body["payload"]["object"] |= {"join_url": meeting.join_url, "password": meeting.password}
    if meeting.pmi:
        body["payload"]["object"]["pmi"] = str(meeting.pmi)
    return body


def meeting_deleted(meeting, host, operator, event_ts, occurrence=None):
    """With an occurrence only that one goes; the meeting itself stays."""
    body = meeting_scheduled("meeting.deleted", meeting, host, operator, event_ts,
                             "single" if occurrence else "all")
    if occurrence:
        body["payload"]["object"]["occurrences"] = [occurrence]
    return body


def meeting_updated(meeting, host, operator, old, event_ts):
    same = {"uuid": meeting.uuid, "id": meeting.id, "host_id": host.id}
    return {"event": "meeting.updated", "event_ts": event_ts, "payload": {
        "account_id": host.account_id, "operator": operator.email, "operator_id": operator.id,
        "operation": "all",
        "object": same | {name: getattr(meeting, name) for name in old},
        "old_object": {"uuid": meeting.uuid, "id": meeting.id} | old,
        "time_stamp": event_ts}}


def user_updated(user, old, event_ts):
    """Only the changed fields are in the two objects; the pmi is a number."""
    return {"event": "user.updated", "payload": {
        "account_id": user.account_id, "operator_id": user.id,
        "object": {"id": user.id} | {name: getattr(user, name) for name in old},
        "old_object": {"id": user.id} | old, "time_stamp": event_ts}, "event_ts": event_ts}


def user_changed_state(event, user, event_ts):
    """user.activated, user.deactivated, user.deleted, user.disassociated."""
    return {"event": event, "event_ts": event_ts, "payload": {
        "account_id": user.account_id, "operator": "admin@example.test",
        "operator_id": "AdminAdminAdminAdminAd",
        "object": {"id": user.id, "first_name": user.first_name, "last_name": user.last_name,
                   "email": user.email, "type": user.type}}}


def app_deauthorized(client_id, user_id, account_id, event_ts):
    return {"event": "app_deauthorized", "event_ts": event_ts, "payload": {
        "account_id": account_id, "client_id": client_id,
        "deauthorization_time": iso8601(event_ts / 1000)[:-1] + f".{event_ts % 1000:03d}Z",
        "signature": os.urandom(32).hex(),  # a value of Zoom's own that nobody can check
        "user_data_retention": None, "user_id": user_id}}


def url_validation(plain_token, event_ts):
    return {"event": "endpoint.url_validation", "payload": {"plainToken": plain_token},
            "event_ts": event_ts}
