"""A bot for which there is no time to ask Zoom gets its answer at once all the same, and Zoom is not asked for it: where
there is no room for one more to wait, and where the bot has waited for its turn until its time was over."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support.authorization import post_code
from support.joiner import make_joiner
from support.processes import pids_of
from support.time_travel import expire_access_token, write
from support.token_callback import TokenCallback, attendee_body
from support.waiting import wait_until
from support.zoom_user import connect_user

BOTS = "/api/v1/bots"
THREADS, ZOOM_THREADS = 8, 6  # a quarter is kept for what needs no Zoom
LARGE = b"{}".ljust(1_000_000)  # of such bodies there is room for 67; what is in them, nobody looks at
OVER = THREADS  # for so many there is none: more than there are threads, so that none is kept
NO_ROOM = {"status": None, "code": None, "tracking_id": None,
           "reason": "too many requests wait for Zoom already"}
EXPIRED = {"code": 124, "message": "Access token is expired."}
NO_TIME = NO_ROOM | {"reason": "there was no time left to ask Zoom"}


def must_be_standard(answer, reason, zoom=None):
    tokens = answer.must_be(200).json
    assert (tokens["join_flow"], tokens["join_flow_reason"], tokens["zoom"]) == ("standard", reason, zoom)
    assert not any(value for name, value in tokens.items() if name.endswith("_token"))


def log_lines(stack, answer):
    mark = f'"request_id":"{answer.headers["x-request-id"]}"'
    return [json.loads(line) for file in (stack.directory / "logs").glob("bots*.log")
            for line in file.read_text().splitlines() if mark in line]


class Crowd:
    """So many bots ask for their tokens, while Zoom is silent, that for the last ones there is no room to wait."""

    def __init__(self, stack, zoom):
        self.stack, self.zoom = stack, zoom
        self.api = stack.create_project().api
        self.host = make_joiner(stack, zoom, self.api)
        self.other = make_joiner(stack, zoom, self.api, like=self.host.connected)
        self.waiting = []

    def ask(self, bot, **arguments):
        return self.api.post(f"{BOTS}/{bot['id']}/zoom_tokens", **arguments)

    def make_bot(self, meeting_url):
        return self.api.post(BOTS, json={"meeting_url": meeting_url}).must_be(201).json

    @contextmanager
    def waits(self, **fault):
        """Until the end of it, gives the answers to those for which there was no room."""
        count = ZOOM_THREADS + 67 + OVER
        with ThreadPoolExecutor(count + 1) as pool:
            with self.zoom.fault(hold="before", times=None, client_id=self.host.who["client_id"], **fault):
                asked = [pool.submit(self.ask, self.host.bot, raw=LARGE) for _ in range(count)]
                done = lambda: [each for each in asked if each.done()]
                wait_until(lambda: len(done()) == OVER, 40, "those for which there is no room")
                small = pool.submit(self.ask, self.host.bot)
                yield [each.result() for each in done()]
                self.waiting = [each for each in asked + [small] if not each.done()]
                assert len(self.waiting) == count + 1 - OVER
        assert {each.result().must_be(200).json["join_flow"] for each in self.waiting} == {"token"}


@pytest.fixture
def crowd(private_stack, zoom):
    return Crowd(private_stack(HALLPASS_THREADS=THREADS, HALLPASS_ZOOM_TIMEOUT_MS=50000), zoom)


def test_where_there_is_no_room_to_wait_a_bot_gets_its_answer_at_once(crowd):
    stranger = crowd.make_bot("https://zoom.us/j/85512345678?pwd=x")
    ended = crowd.make_bot(crowd.host.meeting["join_url"])
    write(crowd.stack, "UPDATE bots SET state = 'ended' WHERE public_id = ?", ended["id"])
    asked = crowd.zoom.count_requests(**crowd.host.who)
    with crowd.waits() as answers:
        for answer in answers:
            must_be_standard(answer, "timeout", NO_ROOM)
        crowd.zoom.wait_for_requests(ZOOM_THREADS, state="in_flight", **crowd.host.who)
        assert crowd.zoom.count_requests(**crowd.host.who) == asked + ZOOM_THREADS
        bot = crowd.api.get(f"{BOTS}/{crowd.host.bot['id']}").must_be(200).json
        assert (bot["join_flow"], bot["join_flow_reason"]) == ("standard", "timeout")
        # Who needs no Zoom for the answer gets the same one as ever.
        must_be_standard(crowd.ask(stranger, raw=LARGE), "no_connection_for_meeting")
        must_be_standard(crowd.ask(ended, raw=LARGE), "bot_has_ended")
        crowd.ask({"id": "bot_" + "x" * 20}, raw=LARGE).must_be(404)
    wait_until(lambda: log_lines(crowd.stack, answers[0]), what="its line in the log")
    line, = log_lines(crowd.stack, answers[0])
    assert (line["status"], line["code"], line["error"]) == (
        200, "timeout", f"a token is missing: {NO_ROOM['reason']}")
    assert crowd.zoom.count_requests(**crowd.host.who) == asked + len(crowd.waiting)


def test_where_there_is_no_room_no_refresh_is_begun_nor_waited_for(crowd):
    for joiner in (crowd.host, crowd.other):
        expire_access_token(crowd.stack, joiner.id)
    with crowd.waits(grant_type="refresh_token") as answers:
        for answer in answers:
            must_be_standard(answer, "timeout", NO_ROOM)
        must_be_standard(crowd.ask(crowd.other.bot, raw=LARGE), "timeout", NO_ROOM)
    assert (crowd.host.refreshes(), crowd.other.refreshes()) == (1, 0)
    assert crowd.other.joins()


def test_where_there_is_no_room_to_wait_a_bot_engine_is_told_that_there_is_no_token(private_stack, zoom):
    """Who waits has its answer before Zoom's, too, for an engine has no more patience: all hear the same."""
    stack = private_stack(HALLPASS_THREADS=THREADS, HALLPASS_ZOOM_TIMEOUT_MS=25000)
    api = stack.create_project().api
    host = make_joiner(stack, zoom, api)
    attendee = TokenCallback(api, stack.anonymous, "attendee")
    body = json.dumps(attendee_body(host.meeting["join_url"], {"zoom_oauth_connection_id": host.id})).ljust(len(LARGE))

    def turned_away():
        lines = (stack.directory / "logs/token_callbacks.log").read_text().splitlines()
        return [json.loads(line) for line in lines if NO_ROOM["reason"] in line]

    with ThreadPoolExecutor(ZOOM_THREADS + 67 + OVER) as pool:
        with zoom.fault(hold="before", times=None, client_id=host.who["client_id"]):
            answers = [pool.submit(attendee.post, "zoom_tokens_url", body)
                       for _ in range(ZOOM_THREADS + 67 + OVER)]
            wait_until(turned_away, what="one for which there is no room")
        assert all(each.result().must_be(200) for each in answers)
    assert all((line["status"], line["code"]) == (200, "timeout") for line in turned_away())
    assert {} in [each.result().json for each in answers]


def stop_until_time_is_over(program, first, timeout_s):
    """Of both requests to the program: the one that waits for Zoom, and the one behind it."""
    time.sleep(1.5)  # for that one to stand in line
    assert not first.done()
    os.kill(program, signal.SIGSTOP)
    time.sleep(timeout_s)
    os.kill(program, signal.SIGCONT)


def test_who_has_waited_until_its_time_was_over_gets_its_answer_without_a_call(private_stack, zoom):
    """One thread may wait for Zoom, and the program is stopped until the time of both is over."""
    timeout_s = 4
    stack = private_stack(HALLPASS_THREADS=2, HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000)
    api = stack.create_project().api
    slow, late = (make_joiner(stack, zoom, api) for _ in range(2))
    asked = zoom.count_requests(**late.who)
    (program,) = pids_of(stack, "bots")
    with ThreadPoolExecutor(2) as pool, zoom.fault(path="/v2/meetings/*", hold="before", **slow.who):
        first = pool.submit(slow.zoom_tokens)
        zoom.wait_for_requests(1, state="in_flight", path="/v2/meetings/*", **slow.who)
        second = pool.submit(api.post, f"{BOTS}/{late.bot['id']}/zoom_tokens")
        stop_until_time_is_over(program, first, timeout_s)
        must_be_standard(second.result(), "timeout", NO_TIME)
        assert first.result()["join_flow_reason"] == "timeout"
    assert zoom.count_requests(**late.who) == asked
    assert late.joins()


def test_a_code_that_has_waited_until_its_time_was_over_is_not_spent(private_stack, zoom):
    """Whoever posted it may have given up, and can post it again."""
    timeout_s = 4
    stack = private_stack(HALLPASS_THREADS=2, HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000)
    api = stack.create_project().api
    slow, late = (connect_user(api, zoom) for _ in range(2))
    for user in (slow, late):
        user.wait_for_sync()
    who, late_id = [{"client_id": user.client_id} for user in (slow, late)], late.id
    asked = zoom.count_requests(**who[1])
    (program,) = pids_of(stack, "zoom_oauth_connections")
    with ThreadPoolExecutor(2) as pool, zoom.fault(path="/v2/users/me", hold="before", **who[0]):
        first = pool.submit(slow.authorize)
        zoom.wait_for_requests(1, state="in_flight", path="/v2/users/me", **who[0])
        second = pool.submit(late.authorize)
        stop_until_time_is_over(program, first, timeout_s)
        answer = second.result().must_be(504)
        assert (answer.code, NO_TIME["reason"] in answer.json["error"]) == ("zoom_timeout", True)
        first.result().must_be(504)
    assert zoom.count_requests(**who[1]) == asked
    assert post_code(api, late, late.code).must_be(201).json["id"] == late_id


def test_an_app_that_waits_to_be_checked_is_answered_in_its_time(private_stack, zoom):
    """One after another each would have its own time else."""
    api = private_stack(HALLPASS_THREADS=2, HALLPASS_ZOOM_TIMEOUT_MS=2000).create_project().api
    app = zoom.create_app()
    register = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool, zoom.fault(hold="before", times=None, client_id=app["client_id"]):
        answers = list(pool.map(lambda _: api.post("/api/v1/zoom_oauth_apps", json=register), range(4)))
    assert time.monotonic() - started < 7  # and 8 one after another
    assert {answer.must_be(504).code for answer in answers} == {"zoom_timeout"}
    api.post("/api/v1/zoom_oauth_apps", json=register).must_be(201)
