"""Events, bots and requests for tokens as fast as they are taken, while the processes of every program are killed at
random moments: whatever was acknowledged is there, once, and every token that was handed out is Zoom's."""

import contextlib
import json
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "soak"))

from kill_points import prove
from losses import evidence, explain, kill
from outcomes import KEPT, UNAVOIDABLE
from support import time_travel
from support.failpoint import is_dead
from support.joiner import make_joiner
from support.processes import pids_of
from support.waiting import wait_until

HERE = pathlib.Path(__file__).parent
HOSTS, JOINERS = 4, 12
EVENT_CONNECTIONS, TOKEN_CONNECTIONS, BOT_CONNECTIONS = 64, 32, 64
TIMEOUT_MS = 2000
FIRST_MEETING_ID, THREADS_MAX = 71_000_000_000, 1000  # of events.lua
INTAKE = ["zoom_webhooks", "worker"]
# Far below what any machine does that is not at a standstill.
EVENTS_A_SECOND_MIN, TOKENS_A_SECOND_MIN, BOTS_A_SECOND_MIN = 50, 10, 10
LOAD_S_MAX = 300
ANYWHERE = "anywhere"
SEED = 20261126


class Load:
    """wrk with one of the scripts beside this file, a thread and a connection for each of `connections`."""

    def __init__(self, stack, program, script, connections, path, *arguments):
        self.access_log, self.program = stack.directory / "logs/access.log", program
        self.notes = stack.directory / f"{script}.notes"
        self.process = subprocess.Popen(
            ["wrk", "-t", str(connections), "-c", str(connections), "-d", f"{LOAD_S_MAX}s", "--timeout", "10s",
             "-s", HERE / script, stack.url + path, "--", self.notes, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def is_cut_off(self):
        """Whether the program died with a request under way, for which nginx answered."""
        return f" {self.program} 503 502 " in self.access_log.read_text()

    def end(self):
        """The lines that were noted, one for each 200, and how many that were a second."""
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=30)
        counted = json.loads(output.splitlines()[-1])
        lines = [line for file in self.notes.parent.glob(self.notes.name + ".*")
                 for line in file.read_text().splitlines()]
        assert len(lines) == counted["answered"] - counted["refused"]
        assert counted["refused"] + counted["broken"] > 0, f"nothing was cut off: {self.notes} {counted}"
        return lines, int(len(lines) / counted["seconds"])


def kill_at_random(stack, names, seconds, seed, *loads):
    """
    All processes of each program, and then, in another order each time, one or all, until the time is over. And
    until it has cut off each of the loads: where the machine is busy with others, few requests are under way.
    """
    kills, chance, started = [], random.Random(seed), time.monotonic()

    def is_over():
        passed_s = time.monotonic() - started
        return passed_s > LOAD_S_MAX / 3 or passed_s > seconds and all(load.is_cut_off() for load in loads)

    while not kills or not is_over():
        takes_all = not kills
        for name in chance.sample(names, len(names)):
            pids = [pid for pid in pids_of(stack, name) if not is_dead(pid)]
            kills += [kill(pid, name, stack.database)
                      for pid in (pids if takes_all or chance.random() < 0.5 else pids[:1])]
            time.sleep(chance.uniform(0.05, 0.4))
    return kills


class Events:
    """An app of whose meetings Zoom tells, and the users who host them."""

    def __init__(self, stack, zoom):
        self.stack = stack
        # After the first sync: one that comes later would forget meetings that the simulator knows nothing of.
        first = make_joiner(stack, zoom, stack.create_project().api)
        self.app = first.connected.app
        self.path = first.connected.registered["webhook_url"]
        self.hosts = [first] + [make_joiner(stack, zoom, first.api, like=first.connected) for _ in range(HOSTS - 1)]

    @contextlib.contextmanager
    def load(self):
        """From the first event that has come."""
        with Load(self.stack, "zoom_webhooks", "events.lua", EVENT_CONNECTIONS, self.path, self.app["webhook_secret"],
                  *(host.who["user_id"] for host in self.hosts)) as load:
            wait_until(lambda: self.stack.database.value(
                "SELECT count(*) FROM zoom_event_counts WHERE name = 'meeting.started'"), what="the first event")
            yield load

    def must_be_there(self, lines):
        """Each that was acknowledged, once; and no others, but what a thread had under way at the end."""
        log, meetings, counts = self.stack.database.snapshot(
            ["SELECT l.meeting_id, body_hash FROM zoom_log l JOIN zoom_oauth_apps a ON a.id = app_id"
             " WHERE client_id = ? AND body_hash IS NOT NULL",
             "SELECT meeting_id, zoom_user_id FROM zoom_meetings m JOIN zoom_oauth_apps a ON a.id = m.app_id"
             " JOIN zoom_oauth_connections c ON c.id = connection_id WHERE client_id = ? AND is_live",
             "SELECT n.name, count FROM zoom_event_counts n JOIN zoom_oauth_apps a ON a.id = app_id"
             " WHERE client_id = ?"], self.app["client_id"])
        stored = {row["meeting_id"] - FIRST_MEETING_ID for row in log}
        assert len(stored) == len({row["body_hash"] for row in log}) == len(log)
        assert counts == [{"name": "meeting.started", "count": len(stored)}]
        hosts = [host.who["user_id"] for host in self.hosts]
        assert {row["meeting_id"]: row["zoom_user_id"] for row in meetings} == {
            FIRST_MEETING_ID + number: hosts[number % HOSTS] for number in stored}

        acknowledged = {int(line) for line in lines}
        assert len(acknowledged) == len(lines)
        assert acknowledged <= stored
        for number in stored - acknowledged:
            assert number < THREADS_MAX or number - THREADS_MAX in acknowledged
            assert number + THREADS_MAX not in stored


def must_be_sound(stack):
    assert stack.database.value("PRAGMA integrity_check") == "ok"
    assert stack.database.rows("PRAGMA foreign_key_check") == []
    findings = json.loads(stack.run("hallpass", "doctor", "--json", check=False).stdout)["findings"]
    assert {each["check"]: each["level"] for each in findings if each["check"] in ("database", "secrets")} == {
        "database": "ok", "secrets": "ok"}


@pytest.fixture
def stack(private_stack):
    return private_stack(processes=2, HALLPASS_ZOOM_TIMEOUT_MS=TIMEOUT_MS, HALLPASS_LOG_LEVEL="warn")


SECONDS = [pytest.param(5, id="5 s", marks=pytest.mark.short), pytest.param(30, id="30 s")]


@pytest.mark.parametrize("seconds", SECONDS)
def test_events_at_full_speed_are_there_once_where_they_were_acknowledged(stack, zoom, row, seconds):
    events = Events(stack, zoom)
    with events.load() as load:
        kills = kill_at_random(stack, INTAKE, seconds, SEED, load)
        lines, a_second = load.end()
    assert a_second > EVENTS_A_SECOND_MIN
    events.must_be_there(lines)
    must_be_sound(stack)
    row("events at full speed", ANYWHERE, f"from outside, {len(kills)} at random in {seconds} s",
        f"{' and '.join(INTAKE)}; {a_second} events a second")(KEPT)


class Bots:
    """Users whose bots ask for tokens, and whose access tokens run out all the time."""

    def __init__(self, stack, zoom):
        self.stack, self.zoom = stack, zoom
        api = stack.create_project().api
        first = make_joiner(stack, zoom, api)
        self.app, self.key = first.connected.app, api.key
        self.joiners = [first] + [make_joiner(stack, zoom, api, like=first.connected) for _ in range(JOINERS - 1)]
        self.by_bot = {joiner.bot["id"]: joiner for joiner in self.joiners}

    @contextlib.contextmanager
    def load(self):
        """From the first token that Zoom has made."""
        with Load(self.stack, "bots", "tokens.lua", TOKEN_CONNECTIONS, "/", self.key, *self.by_bot) as load:
            wait_until(lambda: self.zoom.minted_tokens(client_id=self.app["client_id"]), what="the first token")
            yield load

    @contextlib.contextmanager
    def expiring(self):
        """Access tokens run out. Half of them Zoom takes no more, of the other half we know it ourselves."""
        over, chance = threading.Event(), random.Random(SEED)

        def expire():
            while not over.wait(chance.uniform(0, 0.05)):
                joiner = chance.choice(self.joiners)
                if chance.random() < 0.5:
                    self.zoom.expire_access_tokens(**joiner.who)
                else:
                    time_travel.expire_access_token(self.stack, joiner.id)

        with ThreadPoolExecutor(1) as pool:
            expirer = pool.submit(expire)
            try:
                yield
            finally:
                over.set()
            expirer.result()

    def must_be_zooms(self, lines):
        """Each token was minted by Zoom for the bot's meeting and user, and handed out once."""
        minted = {each["token"]: (each["user_id"], each["meeting_id"])
                  for each in self.zoom.minted_tokens(client_id=self.app["client_id"])}
        handed_out = Counter()
        for bot, token, reason in map(str.split, lines):
            joiner = self.by_bot[bot]
            assert (token == "-") == (reason != "-")
            if token != "-":
                assert minted[token] == (joiner.who["user_id"], joiner.meeting["id"])
                handed_out[token] += 1
        assert set(handed_out.values()) == {1}

    def outcomes(self, kills):
        """(what became of a user, at which step), for each; who is lost by a step is proved to be."""
        for joiner in self.joiners:
            outcome = prove(joiner)
            if outcome != KEPT:
                why, _ = explain(*evidence(joiner), kills, TIMEOUT_MS / 1000)
                assert why and outcome.endswith("refresh_interrupted"), (outcome, evidence(joiner))
            yield outcome, ANYWHERE if outcome == KEPT else UNAVOIDABLE


@pytest.mark.parametrize("seconds", SECONDS)
def test_what_is_acknowledged_under_events_and_tokens_at_once_is_kept(stack, zoom, row, seconds):
    events, bots = Events(stack, zoom), Bots(stack, zoom)
    programs = sorted(path.name for path in (stack.directory / "pids").iterdir() if path.name != "nginx")
    with events.load() as sending, bots.load() as asking, bots.expiring():
        kills = kill_at_random(stack, programs, seconds, SEED, sending, asking)
        (sent, events_a_second), (asked, tokens_a_second) = sending.end(), asking.end()
    assert events_a_second > EVENTS_A_SECOND_MIN and tokens_a_second > TOKENS_A_SECOND_MIN
    bots.must_be_zooms(asked)
    events.must_be_there(sent)
    must_be_sound(stack)
    for (outcome, step), users in Counter(bots.outcomes(kills)).items():
        row("events and tokens at full speed", step, f"from outside, {len(kills)} at random in {seconds} s",
            f"every program; {events_a_second} events and {tokens_a_second} tokens a second; {users} users")(outcome)


def must_be_there_once(stack, lines):
    """Each bot that was acknowledged, claimed once and joined once, if that was; and of no bot there are two."""
    acknowledged = {what: [words for step, *words in map(str.split, lines) if step == what]
                    for what in ("made", "claimed", "joined", "nothing")}
    # In one look: what wrk did not wait for may still be made.
    rows = stack.database.rows(
        "SELECT public_id, deduplication_key, state,"
        " (SELECT count(*) FROM bot_events e WHERE bot_id = b.id AND type = 'join_requested') AS claimed,"
        " (SELECT count(*) FROM bot_events e WHERE bot_id = b.id AND type = 'joined_meeting') AS joined"
        " FROM bots b")
    made, keys = ({row[name]: row for row in rows} for name in ("public_id", "deduplication_key"))
    assert len(keys) == len(made)
    for number, bot in acknowledged["made"]:
        assert made[bot]["deduplication_key"] == f"key {number}"
    claimed, joined = ([bot for bot, in acknowledged[what]] for what in ("claimed", "joined"))
    assert len(set(claimed)) == len(claimed)
    assert all(made[bot]["claimed"] == 1 for bot in claimed)
    assert all(made[bot]["joined"] == 1 and made[bot]["state"] == "joined_not_recording" for bot in joined)
    assert all(row["claimed"] <= 1 and row["joined"] <= row["claimed"] for row in made.values())
    return acknowledged


@pytest.mark.parametrize("seconds", SECONDS)
def test_bots_that_share_their_commits_are_there_once_where_they_were_acknowledged(private_stack, row, seconds):
    """The disk is so slow that commits are shared, and that most kills come into one."""
    stack = private_stack(processes=2, HALLPASS_LOG_LEVEL="warn")
    api = stack.create_project().api
    with Load(stack, "bots", "bots.lua", BOT_CONNECTIONS, "/", api.key) as load:
        wait_until(lambda: stack.database.value("SELECT count(*) FROM bots"), what="the first bot")
        kills = kill_at_random(stack, ["bots", "worker"], seconds, SEED, load)
        lines, a_second = load.end()
    acknowledged = must_be_there_once(stack, lines)
    assert all(len(acknowledged[what]) > seconds * BOTS_A_SECOND_MIN for what in ("made", "claimed", "joined"))
    must_be_sound(stack)
    row("bots at full speed", ANYWHERE, f"from outside, {len(kills)} at random in {seconds} s",
        f"bots and worker; {a_second} answers a second")(KEPT)
