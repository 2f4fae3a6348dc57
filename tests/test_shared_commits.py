"""Requests about bots that come at once are stored in one transaction, and answered each for itself."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support.processes import pids_of
from support.runner import BOTS, Runner
from support.waiting import wait_until
from support.zoom_user import connect_user

LINK = "https://zoom.us/j/85512345678?pwd=abc123"
WEBHOOK = {"url": "https://receiver.example/bots", "triggers": ["bot.state_change"]}
LATER = "2090-01-01T00:00:00Z"


def make(api, **fields):
    return api.post(BOTS, json={"meeting_url": LINK} | fields)


class Crowd:
    """Requests that wait all at once, because another program writes."""

    def __init__(self, stack):
        (self.pid,) = pids_of(stack, "bots")
        self.stack, self.pool, self.answers = stack, ThreadPoolExecutor(64), []

    def ask(self, request, *arguments, **fields):
        answer = self.pool.submit(request, *arguments, **fields)
        self.answers.append(answer)
        return answer

    def all_wait(self):
        """A thread each, and one that would take in another request, and the one that waits for signals."""
        return len(os.listdir(f"/proc/{self.pid}/task")) >= len(self.answers) + 2

    @contextmanager
    def waits(self):
        with self.pool, self.stack.database.held():
            yield self
            wait_until(self.all_wait, timeout=1.5, what="a thread for each request")


@pytest.fixture
def stack(private_stack):
    """Of which no thread is there before it is needed."""
    return private_stack()


@pytest.fixture
def api(stack):
    return stack.create_project().api


def leased(api, **fields):
    make(api, **fields).must_be(201)
    runner = Runner(api)
    assert runner.claim()
    return runner


@pytest.fixture
def at_once(stack, api, zoom):
    """The answers to many requests, of which some fail, and what they were about."""
    connected = connect_user(api, zoom)
    joining, failing, beating, late, called_back, ended = [
        leased(api, zoom_oauth_connection_id=connected.connection["id"]) for _ in range(6)]
    ended.go("meeting_ended", "post_processing_completed")
    changed, removed = [make(api, join_at=LATER).must_be(201).json["id"] for _ in range(2)]
    taken = make(api, deduplication_key="taken").must_be(201).json["id"]
    due = {taken, *(make(api).must_be(201).json["id"] for _ in range(2))}
    claiming = [Runner(api) for _ in due]
    with Crowd(stack).waits() as crowd:
        answers = {
            "joined": crowd.ask(joining.tell, "joined_meeting"),
            "refused by Zoom": crowd.ask(failing.tell, "could_not_join_meeting", "zoom_authorization_failed"),
            "beats": crowd.ask(beating.heartbeat, lease_s=3600),
            "impossible": crowd.ask(late.tell, "recording_paused"),
            "lost": crowd.ask(api.post, f"{BOTS}/{beating.bot['id']}/heartbeat", json={"lease_token": "lease_none"}),
            "unknown": crowd.ask(api.post, f"{BOTS}/bot_none/leave", json={}),
            "leaving": crowd.ask(api.post, f"{BOTS}/{called_back.bot['id']}/leave", json={}),
            "over": crowd.ask(ended.tell, "joined_meeting"),
            "changed": crowd.ask(api.patch, f"{BOTS}/{changed}", json={"bot_name": "Another"}),
            "unchanged": crowd.ask(api.patch, f"{BOTS}/{changed}", json={"bot_name": 7}),
            "removed": crowd.ask(api.delete, f"{BOTS}/{removed}"),
            "duplicate": crowd.ask(make, api, deduplication_key="taken"),
            "foreign": crowd.ask(make, api, zoom_oauth_connection_id="zoc_none"),
        }
        made = [crowd.ask(make, api, join_at=LATER, webhooks=[WEBHOOK]) for _ in range(3)]
        claims = [crowd.ask(runner.claim) for runner in claiming]
    answers = {name: answer.result() for name, answer in answers.items()}
    return answers | {"taken": taken, "due": due, "claiming": claiming, "claims": claims,
                      "made": [answer.result().must_be(201).json for answer in made]}


def test_whoever_fails_is_told_why_and_nobody_else_is(at_once):
    for name, state in (("joined", "joined_not_recording"), ("refused by Zoom", "fatal_error"), ("beats", "joining"),
                        ("leaving", "leaving")):
        assert at_once[name].must_be(200).json["state"] == state, name
    assert at_once["changed"].must_be(200).json["bot_name"] == "Another"
    at_once["removed"].must_be(200)
    assert at_once["impossible"].must_be(409).json["details"] == {"state": "joining"}
    assert at_once["over"].must_be(409).json["details"] == {"state": "ended"}
    assert at_once["lost"].must_be(409).code == "lease_lost"
    assert at_once["unknown"].must_be(404).code == "not_found"
    assert set(at_once["unchanged"].must_be(400).fields) == {"bot_name"}
    assert set(at_once["foreign"].must_be(400).fields) == {"zoom_oauth_connection_id"}
    assert at_once["duplicate"].must_be(409).json["details"] == {"bot_id": at_once["taken"]}


def test_what_is_answered_is_what_was_stored_last(at_once, stack):
    assert {claim.result()["id"] for claim in at_once["claims"]} == at_once["due"]
    for runner in at_once["claiming"]:
        runner.heartbeat().must_be(200)
    assert {bot["id"]: [each["id"] for each in bot["webhooks"]] for bot in at_once["made"]} == {
        row["bot"]: [row["webhook"]] for row in stack.database.rows(
            "SELECT b.public_id AS bot, w.public_id AS webhook FROM bots b JOIN webhooks w ON w.bot_id = b.id")}


def test_a_connection_that_a_bot_could_not_join_with_is_tried_at_once(at_once, stack):
    wait_until(lambda: stack.database.value("SELECT refreshed_at > authorized_at FROM zoom_oauth_credentials"),
               what="a refresh")
