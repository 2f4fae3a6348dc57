"""When Zoom is down nobody waits for it, one call at a time finds out when it is back, and one user's
trouble is nobody else's."""

import itertools
import json
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.metrics import read_metrics
from support.waiting import wait_until

TIMEOUT_S = 2
THREADS, ZOOM_THREADS = 8, 6  # a quarter is kept for what needs no Zoom
SILENCE_S = 2  # before so long a silence it never opens: src/zoom/circuit.h
AT_ONCE_S = TIMEOUT_S / 4
NO_GOOD_ANSWER = r"^\S+ has given no good answer since \S+, and is not asked again before \S+Z$"


class Site:
    """A stack whose users are all of one app, so that one fault hits them all and nobody else's."""

    def __init__(self, stack, zoom, joiner_count=3):
        self.stack, self.zoom = stack, zoom
        self.project = stack.create_project()
        self.joiners = [make_joiner(stack, zoom, self.project.api)]
        self.app = {"client_id": self.joiners[0].connected.client_id}
        while len(self.joiners) < joiner_count:
            self.joiners.append(make_joiner(stack, zoom, self.project.api,
                                            like=self.joiners[0].connected))

    host = property(lambda self: self.zoom.url.removeprefix("http://"))

    def is_open(self):
        return read_metrics(self.stack).of("hallpass_zoom_circuit_open")[f'host="{self.host}"'] == 1

    def row(self):
        return self.stack.database.row("SELECT * FROM zoom_circuits")

    def doctor(self):
        result = self.stack.run("hallpass", "doctor", "--json", check=False)
        (finding,) = [each for each in json.loads(result.stdout)["findings"]
                      if each["check"] == "zoom circuits"]
        return finding

    def open_by_asking(self):
        """As many ask as may wait for Zoom, again and again, until nobody has to any more."""
        with ThreadPoolExecutor(ZOOM_THREADS) as pool:
            def is_open():
                list(pool.map(lambda n: self.joiners[n % len(self.joiners)].zoom_tokens(),
                              range(ZOOM_THREADS)))
                return self.is_open()
            wait_until(is_open, what="the circuit's opening")

    def ask_until(self, condition, what):
        """Everybody asks in turn; the seconds that each answer took."""
        durations = []

        def ask():
            joiner = self.joiners[len(durations) % len(self.joiners)]
            started = time.monotonic()
            tokens = joiner.zoom_tokens()
            durations.append(time.monotonic() - started)
            assert tokens["join_flow"] == "standard"
            return condition()

        wait_until(ask, timeout=60, what=what)
        return durations

    def ask_for(self, seconds):
        """At least so long, and so often that it says something."""
        until, count = time.monotonic() + seconds, itertools.count(1)
        return self.ask_until(lambda: next(count) >= 20 and time.monotonic() > until, what="the time to pass")

    def requests(self, **filters):
        return self.zoom.requests(limit=1000, **self.app, **filters)["requests"]


@pytest.fixture
def site(private_stack, zoom):
    return Site(private_stack(HALLPASS_ZOOM_TIMEOUT_MS=TIMEOUT_S * 1000, HALLPASS_THREADS=THREADS),
                zoom)


@contextmanager
def zoom_hangs(site):
    with site.zoom.fault(hold="before", times=None, **site.app):
        yield


def test_when_zoom_hangs_a_few_wait_and_then_all_are_answered_at_once(site):
    with zoom_hangs(site):
        site.open_by_asking()
        waited = len(site.requests(path="/v2/meetings/*"))
        seen = len(site.requests())
        durations = site.ask_until(lambda: site.row()["failed_probes"] >= 2, "the second probe's end")
        probes = site.requests()[seen:]
        tokens = site.joiners[0].zoom_tokens()
    assert waited <= (SILENCE_S / TIMEOUT_S + 2) * ZOOM_THREADS
    assert len(durations) >= 10
    assert statistics.median(durations) < AT_ONCE_S
    # Two of them were probes, which have their whole time.
    assert sum(duration > TIMEOUT_S * 0.75 for duration in durations) <= len(probes) <= 3
    assert tokens["join_flow_reason"] == "unavailable"
    assert re.match(NO_GOOD_ANSWER, tokens["zoom"]["reason"])


def test_however_many_ask_one_probe_at_a_time_reaches_zoom(site):
    with zoom_hangs(site):
        site.open_by_asking()
        seen = len(site.requests())
        with ThreadPoolExecutor(ZOOM_THREADS) as pool:
            def are_probed():
                list(pool.map(lambda n: site.joiners[n % 3].zoom_tokens(), range(ZOOM_THREADS)))
                return len(site.requests()) >= seen + 2
            wait_until(are_probed, timeout=30, what="two probes")
        times = [call["at"] for call in site.requests()[seen:]]
    assert all(later - earlier > TIMEOUT_S for earlier, later in zip(times, times[1:]))


def test_what_needs_no_zoom_is_served_while_the_first_callers_still_wait(private_stack, zoom):
    site = Site(private_stack(HALLPASS_ZOOM_TIMEOUT_MS=20000, HALLPASS_THREADS=THREADS), zoom)
    api, bot_id = site.project.api, site.joiners[0].bot["id"]
    with zoom_hangs(site), ThreadPoolExecutor(ZOOM_THREADS) as pool:
        waiting = [pool.submit(site.joiners[n % 3].zoom_tokens) for n in range(ZOOM_THREADS)]
        site.zoom.wait_for_requests(ZOOM_THREADS, state="in_flight", **site.app)
        durations = []
        for _ in range(10):
            started = time.monotonic()
            api.get(f"/api/v1/bots/{bot_id}").must_be(200)
            durations.append(time.monotonic() - started)
        assert not any(future.done() for future in waiting)
    assert statistics.median(durations) < AT_ONCE_S


def test_when_zoom_comes_back_the_token_flow_does_so_by_itself(site):
    with zoom_hangs(site):
        site.open_by_asking()
        wait_s = (site.row()["next_probe_at"] - time_travel.now()) / 1e6
    came_back_at = time.monotonic()
    wait_until(site.joiners[0].joins, what="the token flow")
    assert time.monotonic() - came_back_at < wait_s + TIMEOUT_S + 4
    assert all(joiner.joins() for joiner in site.joiners)
    wait_until(lambda: not site.is_open(), what="the metrics' telling so")
    assert site.stack.database.rows("SELECT * FROM zoom_circuits") == []
    assert site.doctor()["level"] == "ok"


def test_the_metrics_and_the_doctor_and_the_log_tell_that_zoom_is_away(site):
    metrics = read_metrics(site.stack)
    assert metrics.of("hallpass_zoom_circuit_open") == {f'host="{site.host}"': 0}
    assert metrics.of("hallpass_connections") == {'state="connected"': 3, 'state="disconnected"': 0}
    assert site.doctor()["level"] == "ok"
    began_at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    with zoom_hangs(site):
        site.open_by_asking()
        assert site.is_open()
        finding = site.doctor()
    assert finding["level"] == "warn" and finding["advice"]
    told = re.match(re.escape(site.host) + r" has given no good answer since (\S+)", finding["finding"])
    assert told and began_at <= told[1] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert "no answer in time" in finding["finding"]
    lines = [json.loads(line) for line in site.stack.logs().splitlines() if '"zoom_circuit"' in line]
    assert [(line["level"], line["host"], line["state"]) for line in lines[:1]] == [
        ("warn", site.host, "open")]


def test_a_refused_refresh_writes_nothing_and_costs_nobody_the_connection(site):
    """Dropped before Zoom has seen them, for what Zoom has seen it may have rotated."""
    for joiner in site.joiners:
        time_travel.expire_access_token(site.stack, joiner.id)
    refreshes = {"path": "/oauth/token", "grant_type": "refresh_token"}
    with site.zoom.fault(drop="before", times=None, **site.app, **refreshes):
        site.ask_until(site.is_open, "the circuit's opening")
        site.ask_until(lambda: site.row()["next_probe_at"] > time_travel.now() + 3_000_000,
                       "a longer wait")
        sent = len(site.requests(**refreshes))
        attempts = site.stack.database.rows("SELECT * FROM zoom_oauth_credentials")
        for joiner in site.joiners:
            tokens = joiner.zoom_tokens()
            assert re.match(NO_GOOD_ANSWER, tokens["zoom"]["reason"])
        assert len(site.requests(**refreshes)) == sent
        assert site.stack.database.rows("SELECT * FROM zoom_oauth_credentials") == attempts
    for joiner in site.joiners:
        wait_until(joiner.joins, what="the token flow")
        assert joiner.read()["state"] == "connected"


@pytest.mark.parametrize("refusal", [
    {"status": 429, "retry_after": "seconds", "body": {"code": 429, "message": "too many"}},
    {"status": 400, "body": {"code": 300, "message": "no"}},
    {"status": 404, "body": {"code": 3001, "message": "Meeting does not exist."}},
], ids=lambda refusal: str(refusal["status"]))
def test_a_refusal_is_an_answer_and_never_opens_it(site, refusal):
    with site.zoom.fault(path="/v2/meetings/*", times=None, **site.app, **refusal):
        asked = len(site.ask_for(SILENCE_S + 1))
        assert not site.is_open()
        calls = site.requests(path="/v2/meetings/*")
    assert [call["status"] for call in calls].count(refusal["status"]) == asked


def test_a_meeting_that_zoom_answers_with_500_again_and_again_shuts_out_nobody(site):
    joiner = site.joiners[0]
    site.joiners, others = [joiner], site.joiners[1:]
    with site.zoom.fault(path="/v2/meetings/*", status=500, times=None, **joiner.who):
        site.ask_for(SILENCE_S + 1)
        assert not site.is_open()
        assert all(other.joins() for other in others)
    assert joiner.joins()


def test_a_request_by_cgi_profits_from_what_others_have_found_out(site):
    now = time_travel.now()
    path = f"/api/v1/bots/{site.joiners[0].bot['id']}/zoom_tokens"
    insert = ("INSERT OR REPLACE INTO zoom_circuits (host, failing_since, next_probe_at,"
              " failed_probes, last_error, updated_at) VALUES (?, ?, ?, 1, 'no answer', ?)")
    time_travel.write(site.stack, insert, site.host, now, now + 20_000_000, now)
    seen = len(site.requests())
    tokens = site.project.cgi("bots", "POST", path).json
    assert re.match(NO_GOOD_ANSWER, tokens["zoom"]["reason"])
    assert len(site.requests()) == seen
    assert site.is_open()
    # As the probe it finds that Zoom is there, and tells the others.
    time_travel.write(site.stack, insert, site.host, now, now, now)
    assert site.project.cgi("bots", "POST", path).json["join_flow"] == "token"
    assert site.stack.database.rows("SELECT * FROM zoom_circuits") == []


def test_what_a_process_told_that_has_died_counts_for_nothing_after_a_while(site):
    ago = time_travel.now() - 601 * 1_000_000
    time_travel.write(site.stack, "INSERT INTO zoom_circuits (host, failing_since, next_probe_at,"
                      " failed_probes, last_error, updated_at) VALUES (?, ?, ?, 1, '', ?)",
                      site.host, ago, time_travel.now() + time_travel.DAY, ago)
    assert not site.is_open()
    assert site.doctor()["level"] == "ok"
    path = f"/api/v1/bots/{site.joiners[0].bot['id']}/zoom_tokens"
    assert site.project.cgi("bots", "POST", path).json["join_flow"] == "token"
