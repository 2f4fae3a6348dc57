"""Runners: claim, heartbeat, events and leave. Each case runs through FastCGI and as plain CGI."""

from datetime import datetime, timedelta, timezone

import pytest

from support.runner import BOTS, Runner
from support.time_travel import now, pieces, ring, write
from support.waiting import wait_until

LINK = "https://zoom.us/j/85512345678?pwd=abc123"
INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
REPORTABLE = [
    "could_not_join_meeting", "fatal_error", "put_in_waiting_room", "joined_meeting",
    "recording_permission_granted", "recording_permission_denied", "recording_paused",
    "recording_resumed", "began_joining_breakout_room", "began_leaving_breakout_room",
    "joined_breakout_room", "left_breakout_room", "leave_requested", "left_meeting", "meeting_ended",
    "post_processing_completed"]


@pytest.fixture
def api(either_api):
    return either_api


@pytest.fixture
def runner(api):
    return Runner(api)


@pytest.fixture
def claimed(api, runner):
    """A runner that has a bot, which is joining."""
    make(api)
    assert runner.claim()
    return runner


def make(api, **fields):
    return api.post(BOTS, json={"meeting_url": LINK} | fields).must_be(201).json


def read(api, bot):
    return api.get(f"{BOTS}/{bot['id']}").must_be(200).json


def ahead(**duration):
    return (datetime.now(timezone.utc) + timedelta(**duration)).strftime(INSTANT)


def seconds_ahead(text):
    at = datetime.strptime(text, INSTANT).replace(tzinfo=timezone.utc)
    return (at - datetime.now(timezone.utc)).total_seconds()


def told(bot):
    return [event["type"] + (f"/{event['sub_type']}" if event["sub_type"] else "") for event in bot["events"]]


def run_out(stack, bot):
    """The bot's lease, by our own clock."""
    assert write(stack, "UPDATE bots SET lease_expires_at = ? WHERE public_id = ?"
                 " AND lease_expires_at IS NOT NULL", now() - 1, bot["id"]) == 1


# Claiming

def test_without_a_due_bot_there_is_nothing_to_claim(api, runner):
    assert runner.claim() is None
    make(api, join_at=ahead(hours=1))
    assert runner.claim() is None


def test_a_claimed_bot_is_joining_and_on_lease(api, runner):
    made = make(api)
    bot = runner.claim()
    assert bot == made | {"state": "joining", "events": bot["events"], "updated_at": bot["updated_at"]}
    assert [(event["type"], event["metadata"]) for event in bot["events"]] == [
        ("join_requested", {"runner_id": runner.name})]
    assert read(api, bot) == bot
    assert runner.token.startswith("lease_") and len(runner.token) == 38
    assert runner.claim() is None


@pytest.mark.parametrize("lease_s, seconds", [(None, 60), (10, 10), (3600, 3600)])
def test_a_lease_is_as_long_as_was_asked_for(api, runner, lease_s, seconds):
    make(api)
    answer = api.post(f"{BOTS}/claim", json={"runner_id": "r"} | ({"lease_s": lease_s} if lease_s else {}))
    assert seconds - 5 < seconds_ahead(answer.must_be(200).json["lease_expires_at"]) <= seconds


def test_the_bot_that_is_due_longest_goes_first(api, runner, stack):
    later, scheduled, sooner = make(api), make(api, join_at=ahead(hours=1)), make(api)
    for bot, column, minutes in ((later, "created_at", 1), (scheduled, "join_at", 2), (sooner, "created_at", 3)):
        write(stack, f"UPDATE bots SET {column} = ? WHERE public_id = ?",
              now() - minutes * 60_000_000, bot["id"])
    assert [runner.claim()["id"] for _ in range(3)] == [sooner["id"], scheduled["id"], later["id"]]
    assert runner.claim() is None
    assert told(read(api, scheduled)) == ["staged", "join_requested"]


def test_the_bots_of_another_project_are_not_handed_out(api, other_api):
    make(api)
    assert Runner(other_api).claim() is None


@pytest.mark.parametrize("body, wrong", [
    ({}, "runner_id"), ({"runner_id": None}, "runner_id"), ({"runner_id": ""}, "runner_id"),
    ({"runner_id": 7}, "runner_id"), ({"runner_id": "x" * 129}, "runner_id"),
    ({"runner_id": "r", "lease_s": 9}, "lease_s"), ({"runner_id": "r", "lease_s": 3601}, "lease_s"),
    ({"runner_id": "r", "lease_s": "60"}, "lease_s"), ({"runner_id": "r", "lease_s": 10.5}, "lease_s"),
    ({"runner_id": "r", "bot_id": "b"}, "bot_id")])
def test_a_wrong_claim_is_refused_and_hands_out_nothing(api, body, wrong):
    bot = make(api)
    answer = api.post(f"{BOTS}/claim", json=body).must_be(400)
    assert (answer.code, list(answer.fields)) == ("invalid_request", [wrong])
    assert read(api, bot) == bot


def test_claim_is_no_bot(api):
    for method in ("GET", "PATCH", "DELETE", "PUT"):
        answer = api.call(method, f"{BOTS}/claim", json={} if method == "PATCH" else None).must_be(405)
        assert answer.headers["allow"] in ("POST", "GET, POST, PATCH, DELETE")


# The way through a meeting

def test_a_whole_meeting(claimed):
    bot = claimed.go("put_in_waiting_room", "joined_meeting", "recording_permission_granted")
    assert (bot["state"], bot["recording_state"]) == ("joined_recording", "in_progress")
    bot = claimed.go("recording_paused", "recording_resumed", "meeting_ended")
    assert (bot["state"], bot["recording_state"]) == ("post_processing", "in_progress")
    bot = claimed.go("post_processing_completed")
    assert (bot["state"], bot["recording_state"], bot["transcription_state"]) == (
        "ended", "complete", "not_started")
    assert told(bot) == ["join_requested", "put_in_waiting_room", "joined_meeting",
                         "recording_permission_granted", "recording_paused", "recording_resumed",
                         "meeting_ended", "post_processing_completed"]
    assert claimed.read() == bot


def test_a_breakout_room_leads_back_to_where_it_was_entered(claimed):
    claimed.go("joined_meeting", "recording_permission_granted", "recording_paused")
    assert claimed.go("began_joining_breakout_room")["state"] == "joining_breakout_room"
    assert claimed.go("joined_breakout_room")["state"] == "joined_recording_paused"
    assert claimed.go("began_leaving_breakout_room")["state"] == "leaving_breakout_room"
    assert claimed.go("left_breakout_room")["state"] == "joined_recording_paused"


def test_what_is_told_of_an_event_is_kept(claimed):
    answer = claimed.tell("could_not_join_meeting", "meeting_not_found", metadata={"code": 3001}).must_be(200)
    event = answer.json["events"][-1]
    assert (event["type"], event["sub_type"], event["metadata"]) == (
        "could_not_join_meeting", "meeting_not_found", {"code": 3001})
    assert (answer.json["state"], answer.json["recording_state"]) == ("fatal_error", "not_started")


def test_a_recording_that_breaks_off_has_failed(claimed):
    bot = claimed.go("joined_meeting", "recording_permission_granted", "fatal_error/process_terminated")
    assert (bot["state"], bot["recording_state"]) == ("fatal_error", "failed")


def test_a_wrong_transition_is_refused_and_names_the_state(claimed):
    before = claimed.read()
    for type in ("recording_paused", "left_meeting", "post_processing_completed", "joined_breakout_room"):
        answer = claimed.tell(type).must_be(409)
        assert answer.code == "invalid_transition"
        assert answer.json["details"] == {"state": "joining"}
        assert type in answer.json["error"] and "joining" in answer.json["error"]
    assert claimed.read() == before


def test_what_is_told_twice_happens_once(claimed):
    claimed.go("joined_meeting")
    assert claimed.tell("joined_meeting").must_be(200).json == claimed.bot
    claimed.go("recording_permission_denied/host_denied_permission")
    assert claimed.tell("recording_permission_denied", "host_denied_permission").must_be(200).json == claimed.bot
    assert claimed.tell("joined_meeting").must_be(409).code == "invalid_transition"


def test_the_last_event_of_all_may_be_told_twice_too(claimed):
    claimed.go("meeting_ended", "post_processing_completed")
    assert claimed.tell("post_processing_completed").must_be(200).json == claimed.bot
    answer = claimed.tell("meeting_ended").must_be(409)
    assert answer.json["details"] == {"state": "ended"}


def test_an_unknown_type_is_refused_with_all_that_there_are(claimed):
    for type in ("dancing", "join_requested", "staged", "lease_expired", "data_deleted", ""):
        fields = claimed.tell(type, metadata={}).must_be(400).fields
        assert list(fields) == ["type"]
    for type in REPORTABLE:
        assert type in claimed.tell("dancing").fields["type"]


@pytest.mark.parametrize("type, choice", [
    ("could_not_join_meeting", "zoom_app_cannot_join_anonymously"), ("fatal_error", "global_runtime_timeout"),
    ("leave_requested", "auto_leave_silence"), ("recording_permission_denied", "request_timed_out")])
def test_an_unknown_sub_type_is_refused_with_all_that_there_are(claimed, type, choice):
    for sub_type in ("dancing", "user requested", 7):
        fields = claimed.tell(type, sub_type).must_be(400).fields
        assert list(fields) == ["sub_type"]
        assert sub_type == 7 or choice in fields["sub_type"]
    assert list(claimed.tell(type).must_be(400).fields) == ["sub_type"]
    assert claimed.read()["state"] == "joining"


@pytest.mark.parametrize("fields, wrong", [
    ({"type": None}, "type"), ({"type": 1}, "type"), ({"sub_type": "user_requested"}, "sub_type"),
    ({"metadata": []}, "metadata"), ({"metadata": {"x": "y" * 8192}}, "metadata"),
    ({"lease_token": None}, "lease_token"), ({"lease_token": 1}, "lease_token"),
    ({"lease_token": "x" * 65}, "lease_token"), ({"created_at": ahead()}, "created_at")])
def test_a_wrong_event_is_refused_whole(claimed, fields, wrong):
    before = claimed.read()
    answer = claimed.post("events", **{"type": "joined_meeting"} | fields).must_be(400)
    assert list(answer.fields) == [wrong]
    assert claimed.read() == before


# The lease

def test_a_heartbeat_keeps_the_lease(claimed, stack):
    write(stack, "UPDATE bots SET lease_expires_at = ? WHERE public_id = ?", now() + 5_000_000,
          claimed.bot["id"])
    answer = claimed.heartbeat().must_be(200).json
    assert 55 < seconds_ahead(answer.pop("lease_expires_at")) <= 60
    assert answer == claimed.bot


def test_a_lease_stays_as_long_as_was_said_last(claimed):
    assert 595 < seconds_ahead(claimed.heartbeat(lease_s=600).json["lease_expires_at"]) <= 600
    assert 595 < seconds_ahead(claimed.heartbeat().json["lease_expires_at"]) <= 600


def test_an_event_keeps_the_lease_too(claimed, stack):
    run_out(stack, claimed.bot)
    claimed.go("joined_meeting")
    left = stack.database.value("SELECT lease_expires_at FROM bots WHERE public_id = ?", claimed.bot["id"])
    assert left > now() + 50_000_000


@pytest.mark.parametrize("fields, wrong", [
    ({"lease_s": 9}, "lease_s"), ({"lease_s": 3601}, "lease_s"), ({"lease_s": "1"}, "lease_s"),
    ({"lease_token": None}, "lease_token"), ({"lease_token": ["a"]}, "lease_token"), ({"x": 1}, "x")])
def test_a_wrong_heartbeat_is_refused(claimed, fields, wrong):
    assert list(claimed.heartbeat(**fields).must_be(400).fields) == [wrong]


def test_another_token_is_refused(api, claimed):
    other = Runner(api)
    make(api)
    other.claim()
    for token in ("lease_wrong", other.token, claimed.token[:-1], claimed.token.swapcase()):
        for what, fields in (("heartbeat", {}), ("events", {"type": "joined_meeting"})):
            answer = claimed.post(what, **fields | {"lease_token": token}).must_be(409)
            assert answer.code == "lease_lost" and token not in answer.body.decode()
    assert claimed.read()["state"] == "joining"


def test_nobody_has_a_bot_that_was_not_claimed(api, runner):
    runner.bot, runner.token = make(api), "lease_made_up"
    assert runner.heartbeat().must_be(409).code == "lease_lost"
    assert runner.tell("joined_meeting").must_be(409).code == "lease_lost"


def test_a_bot_whose_runner_died_on_the_way_in_is_handed_out_again(api, claimed, stack):
    claimed.go("put_in_waiting_room")
    run_out(stack, claimed.bot)
    second = Runner(api)
    assert second.claim()["id"] == claimed.bot["id"]
    assert told(second.bot) == ["join_requested", "put_in_waiting_room", "lease_expired", "join_requested"]
    assert second.bot["events"][2]["metadata"] == {"runner_id": claimed.name}
    assert claimed.heartbeat().must_be(409).code == "lease_lost"
    assert claimed.tell("joined_meeting").must_be(409).code == "lease_lost"
    second.go("joined_meeting")


def test_a_bot_whose_tenth_runner_died_on_the_way_in_has_failed(api, claimed, stack):
    """It may be what kills them."""
    runners = [claimed] + [Runner(api) for _ in range(9)]
    for runner in runners:
        assert runner is claimed or runner.claim()["id"] == claimed.bot["id"]
        run_out(stack, claimed.bot)
    assert Runner(api).claim() is None
    bot = claimed.read()
    assert bot["state"] == "fatal_error"
    assert told(bot) == ["join_requested", "lease_expired"] * 9 + ["join_requested", "fatal_error/heartbeat_timeout"]
    assert bot["events"][-1]["metadata"] == {"runner_id": runners[-1].name, "leases_lost": 10}


def test_the_worker_frees_a_bot_as_well(claimed, stack):
    run_out(stack, claimed.bot)
    ring(stack)
    wait_until(lambda: claimed.read()["state"] == "ready", what="the bot's return")
    wait_until(lambda: pieces(stack, "bot_lease", claimed.bot["id"]), what="the line in the log")
    assert told(claimed.read()) == ["join_requested", "lease_expired"]


@pytest.mark.parametrize("way", [["joined_meeting", "recording_permission_granted"],
                                 ["leave_requested/user_requested"], ["meeting_ended"]])
def test_a_bot_whose_runner_died_in_the_meeting_has_failed(claimed, stack, way):
    claimed.go(*way)
    run_out(stack, claimed.bot)
    ring(stack)
    bot = wait_until(lambda: (bot := claimed.read())["state"] == "fatal_error" and bot, what="the failure")
    assert told(bot)[-1] == "fatal_error/heartbeat_timeout"
    assert bot["recording_state"] == ("failed" if len(way) == 2 else "not_started")
    assert claimed.heartbeat().must_be(409).code == "lease_lost"


def test_who_could_not_be_heard_while_hallpass_was_down_has_a_lease_to_be_heard_again(private_stack):
    stack = private_stack()
    project = stack.create_project()
    living, dead = Runner(project.api), Runner(project.api)
    for runner in (living, dead):
        make(project.api)
        runner.claim(lease_s=10)
        runner.go("joined_meeting")
    stack.down()
    for runner in (living, dead):
        run_out(stack, runner.bot)
    stack.up()
    living.api = dead.api = stack.api(project.key)
    assert Runner(living.api).claim() is None
    assert living.heartbeat().must_be(200).json["state"] == "joined_not_recording"
    assert dead.read()["state"] == "joined_not_recording"
    wait_until(lambda: living.heartbeat().must_be(200) and dead.read()["state"] == "fatal_error", 60,
               "the end of the dead runner's bot")
    assert told(dead.read())[-1] == "fatal_error/heartbeat_timeout"
    assert dead.heartbeat().must_be(409).code == "lease_lost"


def test_a_bot_that_is_over_has_no_lease_to_lose(claimed, stack):
    claimed.go("meeting_ended", "post_processing_completed")
    answer = claimed.heartbeat().must_be(200).json
    assert (answer["state"], answer["lease_expires_at"]) == ("ended", None)
    assert stack.database.value("SELECT lease_expires_at FROM bots WHERE public_id = ?",
                                claimed.bot["id"]) is None


# Leaving

def test_a_customer_calls_a_bot_back_and_its_runner_hears_of_it(api, claimed):
    claimed.go("joined_meeting")
    left = api.post(f"{BOTS}/{claimed.bot['id']}/leave").must_be(200).json
    assert (left["state"], told(left)[-1]) == ("leaving", "leave_requested/user_requested")
    assert claimed.heartbeat().must_be(200).json["state"] == "leaving"
    assert api.post(f"{BOTS}/{claimed.bot['id']}/leave", json={}).must_be(200).json == left
    assert claimed.go("left_meeting", "post_processing_completed")["state"] == "ended"


@pytest.mark.parametrize("fields", [{}, {"join_at": ahead(hours=1)}])
def test_a_bot_that_nobody_has_begun_to_join_for_cannot_leave(api, fields):
    bot = make(api, **fields)
    answer = api.post(f"{BOTS}/{bot['id']}/leave").must_be(409)
    assert (answer.code, answer.json["details"]) == ("invalid_transition", {"state": bot["state"]})
    assert read(api, bot) == bot


@pytest.mark.parametrize("way, state", [
    (["meeting_ended"], "post_processing"), (["meeting_ended", "post_processing_completed"], "ended"),
    (["could_not_join_meeting/meeting_not_found"], "fatal_error")])
def test_a_bot_that_is_over_cannot_leave(api, claimed, way, state):
    claimed.go(*way)
    answer = api.post(f"{BOTS}/{claimed.bot['id']}/leave").must_be(409)
    assert answer.json["details"] == {"state": state}


def test_leaving_takes_no_fields(api, claimed):
    answer = api.post(f"{BOTS}/{claimed.bot['id']}/leave", json={"now": True}).must_be(400)
    assert list(answer.fields) == ["now"]
    api.post(f"{BOTS}/{claimed.bot['id']}/leave", raw=b"[]").must_be(400)


def test_what_is_on_lease_is_neither_changed_nor_deleted(api, claimed):
    path = f"{BOTS}/{claimed.bot['id']}"
    assert api.patch(path, json={"bot_name": "Other"}).must_be(409).code == "bot_already_joining"
    assert api.delete(path).must_be(409).code == "bot_already_joining"
    api.patch(path, json={"metadata": {"a": 1}}).must_be(200)


# Who may do it

@pytest.mark.parametrize("what, body", [
    ("heartbeat", {"lease_token": "t"}), ("events", {"lease_token": "t", "type": "joined_meeting"}), ("leave", {})])
def test_an_unknown_bot_or_another_projects_is_not_found(api, other_api, claimed, what, body):
    body = body | ({"lease_token": claimed.token} if "lease_token" in body else {})
    assert api.post(f"{BOTS}/bot_00000000000000000000/{what}", json=body).must_be(404).code == "not_found"
    answer = other_api.post(f"{BOTS}/{claimed.bot['id']}/{what}", json=body).must_be(404)
    assert answer.code == "not_found"
    assert claimed.read() == claimed.bot


@pytest.mark.parametrize("path", ["claim", "x/heartbeat", "x/events", "x/leave"])
def test_without_a_key_there_is_nothing_and_only_post_is_served(api, path):
    headers = {"Authorization": None}
    assert api.post(f"{BOTS}/{path}", json={}, headers=headers).must_be(401).code == "missing_api_key"
    assert api.get(f"{BOTS}/{path}").must_be(405).code == "method_not_allowed"


@pytest.mark.parametrize("path", ["claim", "{id}/heartbeat", "{id}/events"])
@pytest.mark.parametrize("raw, code", [(b"", "invalid_json"), (b"[]", "invalid_json"), (b"{", "invalid_json")])
def test_a_body_that_is_not_one_json_object_is_refused(api, claimed, path, raw, code):
    answer = api.post(f"{BOTS}/{path.format(id=claimed.bot['id'])}", raw=raw,
                      headers={"Content-Type": "application/json"}).must_be(400)
    assert answer.code == code
    assert claimed.read() == claimed.bot


def test_a_lease_token_is_stored_nowhere_and_logged_nowhere(claimed, stack):
    claimed.go("joined_meeting")
    claimed.heartbeat()
    token = claimed.token.encode()
    for file in stack.directory.glob("hallpass.db*"):
        assert file.is_fifo() or token not in file.read_bytes()
    assert claimed.token not in stack.logs()
