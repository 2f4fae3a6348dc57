"""The machine fails: its disk is full or read-only, its database locked, its clock wrong."""

import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from kill_points import REFRESHERS, come_back, in_background, prove, says_interrupted
from outcomes import KEPT, LOST, UNAVOIDABLE
from support import time_travel
from support.database import Database
from support.failpoint import Failpoint, is_dead
from support.joiner import make_joiner
from support.processes import kill, pids_of
from support.runner import BOTS, Runner
from support.waiting import wait_until
from support.webhook_receiver import WebhookReceiver
from test_kill_refresh import before_now

HOUR_S = 3600
BUSY_S = 2  # DB_BUSY_TIMEOUT_MS
WAITS = "ends when the refreshes under way are stored"  # what a program says that is told to end


def post_bot(joiner):
    return joiner.api.post("/api/v1/bots", json={"meeting_url": joiner.bot["meeting_url"]})


# A full disk


class Disk:
    """A small file system of its own."""

    def __init__(self, folder):
        self.folder, self.filler = folder, folder / "filler"

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            for size in 1 << 16, 1 << 12, 1:
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    pass

    def free(self):
        self.filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def small(disk, private_stack):
    """A stack whose database is on the small disk, and whose answers may take longer than a full one is waited for."""
    stack = private_stack(HALLPASS_DATABASE=disk.folder / "hallpass.db", HALLPASS_ZOOM_TIMEOUT_MS=20000)
    stack.database = Database(disk.folder / "hallpass.db")
    yield stack
    disk.free()


@pytest.fixture
def small_joiner(small, zoom):
    return make_joiner(small, zoom, small.create_project().api)


def test_a_full_disk_costs_no_user_and_no_join(disk, small, small_joiner):
    joiner = small_joiner
    disk.fill()
    refused = post_bot(joiner).must_be(503)
    assert refused.code == "database_unavailable"
    wait_until(lambda: "disk is full" in small.logs(), what="the request's line in the log")
    assert int(refused.headers["retry-after"]) >= 1
    # What needs no room goes on: the cached token, and whatever is only read.
    assert joiner.joins()
    assert joiner.read()["state"] == "connected"
    # Zoom is not asked for what could not be kept.
    joiner.expire_at_zoom()
    answer = joiner.zoom_tokens()
    assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "database_unavailable")
    assert joiner.refreshes() == 0

    disk.free()
    post_bot(joiner).must_be(201)
    assert prove(joiner) == KEPT


@pytest.mark.short
def test_a_disk_that_is_full_when_zoom_answers_is_waited_for(disk, small, small_joiner):
    joiner, failpoint = small_joiner, Failpoint(small.directory)
    time_travel.expire_access_token(small, joiner.id)
    failpoint.arm("refresh.answered", "pause")
    with in_background(joiner.zoom_tokens) as asked:
        failpoint.wait()
        disk.fill()
        failpoint.let_go()
        assert post_bot(joiner).must_be(503).code == "database_unavailable"
        assert not asked.done()
        disk.free()
        assert asked.result(timeout=30)["join_flow_reason"] in (None, "timeout")
    assert joiner.refreshes() == 1
    assert prove(joiner) == KEPT


@pytest.mark.parametrize("who", ["zoom_oauth_connections", "bots"])
def test_a_disk_that_stays_full_with_zooms_answer_in_hand_leaves_a_user_who_is_told_why(
        disk, small, small_joiner, row, who):
    """Whoever asks next finds out: the same process, or another one while that which gave up lives on."""
    joiner, failpoint = small_joiner, Failpoint(small.directory)
    end = row("refresh", UNAVOIDABLE, f"the disk stays full, {who} asks next", "zoom_oauth_connections")
    began = before_now()
    time_travel.expire_access_token(small, joiner.id)
    failpoint.arm("refresh.answered", "pause")
    with in_background(joiner.refresh) as asked:
        failpoint.wait()
        disk.fill()
        failpoint.let_go()
        assert asked.result(timeout=60).must_be(503).code == "database_unavailable"
    disk.free()
    REFRESHERS[who](joiner)
    assert joiner.read()["state"] == "disconnected" and says_interrupted(joiner, began)
    come_back(joiner)
    assert prove(joiner) == KEPT
    end(f"{LOST}: refresh_interrupted")


def test_an_event_that_finds_the_disk_full_is_not_acknowledged_and_comes_again(
        disk, small, small_joiner, zoom):
    joiner = small_joiner
    zoom.change_app(joiner.who["client_id"], retry_delays_s=[0.5] * 20)
    disk.fill()
    made = zoom.create_meetings(joiner.who["user_id"], 1, event=True)
    (delivery,) = made["deliveries"]
    assert delivery["attempts"][0]["status"] == 503
    disk.free()
    (delivery,) = zoom.wait_for_deliveries(1, joiner.who["client_id"], "meeting.created")
    assert delivery["accepted"]
    listed = joiner.api.get(f"/api/v1/zoom_oauth_connections/{joiner.id}/meetings").json["results"]
    assert str(made["meetings"][0]["id"]) in [each["meeting_id"] for each in listed]


# A locked database


@pytest.fixture
def patient_stack(private_stack):
    """Its answers may take longer than a lock is waited for."""
    return private_stack(HALLPASS_ZOOM_TIMEOUT_MS=4000)


@pytest.fixture
def patient(patient_stack, zoom):
    return make_joiner(patient_stack, zoom, patient_stack.create_project().api)


def test_a_database_that_is_locked_for_5_s_is_said_to_be_busy_and_works_afterwards(
        patient_stack, zoom, patient):
    stack, joiner = patient_stack, patient
    zoom.change_app(joiner.who["client_id"], retry_delays_s=[1] * 20)
    with stack.database.held():
        started = time.monotonic()
        refused = post_bot(joiner).must_be(503)
        assert BUSY_S * 0.9 < time.monotonic() - started < BUSY_S + 1
        assert refused.code == "database_busy" and int(refused.headers["retry-after"]) >= 1
        assert joiner.joins(), "a cached token needs no lock"
        asked_before = joiner.refreshes()
        assert joiner.refresh().must_be(503).code == "database_busy"
        assert joiner.refreshes() == asked_before, "Zoom was asked for what could not be kept"
        joiner.expire_at_zoom()
        answer = joiner.zoom_tokens()
        assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "database_busy")
        (delivery,) = zoom.create_meetings(joiner.who["user_id"], 1, event=True)["deliveries"]
        assert delivery["attempts"][0]["status"] == 503
        wait_until(lambda: time.monotonic() - started > 5)
    post_bot(joiner).must_be(201)
    (delivery,) = zoom.wait_for_deliveries(1, joiner.who["client_id"], "meeting.created", 20)
    assert delivery["accepted"]
    assert prove(joiner) == KEPT


@pytest.mark.parametrize("process", ["bots", "worker"])
def test_a_lock_that_comes_between_zooms_answer_and_its_commit_costs_no_user(
        patient_stack, patient, process):
    stack, joiner, failpoint = patient_stack, patient, Failpoint(patient_stack.directory)
    time_travel.expire_access_token(stack, joiner.id)
    failpoint.arm("refresh.answered", "pause")
    with in_background(lambda: REFRESHERS[process](joiner)):
        failpoint.wait()
        with stack.database.held():
            failpoint.let_go()
            assert joiner.refresh().must_be(503).code == "database_busy"
            started = time.monotonic()
            wait_until(lambda: time.monotonic() - started > 5 - BUSY_S)
    assert prove(joiner) == KEPT
    assert joiner.refreshes(status=400) == 0


@pytest.mark.parametrize("process", ["bots", "worker"])
def test_a_program_that_is_stopped_with_zooms_answer_in_hand_ends_once_it_could_store_it(
        patient_stack, patient, process):
    stack, joiner, failpoint = patient_stack, patient, Failpoint(patient_stack.directory)
    (pid,) = pids_of(stack, process)
    time_travel.expire_access_token(stack, joiner.id)
    failpoint.arm("refresh.answered", "pause")
    with in_background(lambda: REFRESHERS[process](joiner)):
        failpoint.wait()
        with stack.database.held():
            failpoint.let_go()
            os.kill(pid, signal.SIGTERM)
            if process == "bots":  # the worker first waits for the time that its job has
                wait_until(lambda: WAITS in stack.logs(), what="its word")
            for _ in range(2):
                assert joiner.refresh().must_be(503).code == "database_busy"
            assert pid in pids_of(stack, process)
        wait_until(lambda: pid not in pids_of(stack, process), what="its end")
    assert prove(joiner) == KEPT
    assert joiner.refreshes(status=400) == 0


# A database that cannot be written


@pytest.fixture
def unprivileged(private_stack):
    """
    A stack whose processes may not write what its modes forbid: as root they are started without the
    capability to do so.
    """
    def make():
        if os.geteuid() != 0:
            return private_stack()
        return private_stack(wrapper=["setpriv", "--bounding-set=-dac_override"])
    return make


def restart(stack):
    """All processes anew, so that they open the database anew; none has it open in between."""
    names = [file.name for file in (stack.directory / "pids").iterdir() if file.name != "nginx"]
    leaders = [int((stack.directory / "pids" / name).read_text().split()[0]) for name in names]
    for leader in leaders:
        os.kill(leader, signal.SIGSTOP)
    before = {pid for name in names for pid in pids_of(stack, name)}
    try:
        for name in names:
            kill(stack, name)
        wait_until(lambda: all(is_dead(pid) for pid in before), what="the end of all")
        with stack.database.open() as database:
            database.execute("SELECT * FROM schema_version").fetchall()  # the last to close drops the WAL
        assert not stack.database.path.with_name("hallpass.db-wal").exists()
    finally:
        for leader in leaders:
            os.kill(leader, signal.SIGCONT)
    wait_until(lambda: all(set(pids_of(stack, name)) - before for name in names), what="the new ones")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_is_read_only_is_said_to_be_and_costs_no_user(unprivileged, zoom, what):
    stack = unprivileged()
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    path, mode = (stack.directory / "hallpass.db", 0o600) if what == "file" else (
        stack.directory, 0o700)
    path.chmod(mode & ~0o222)
    try:
        restart(stack)
        refused = post_bot(joiner).must_be(503)
        assert refused.code == "database_unavailable"
        assert joiner.refresh().must_be(503).code == "database_unavailable"
        asked = REFRESHERS["bots"](joiner)
        if what == "file":
            assert asked.must_be(200).json["join_flow_reason"] in (None, "database_unavailable")
        else:  # it cannot even be opened, so nobody knows whose key it is
            assert asked.must_be(503).code == "database_unavailable"
        assert joiner.refreshes() == 0
    finally:
        path.chmod(mode)
    restart(stack)
    wait_until(lambda: post_bot(joiner).status == 201, what="a bot")
    assert prove(joiner) == KEPT


# A wrong clock


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["forth", "back"])
def test_a_clock_that_jumps_an_hour_costs_no_user(stack, failpoint, joiner, seconds):
    assert prove(joiner) == KEPT
    failpoint.set_clock_error(seconds)
    assert joiner.joins()
    assert prove(joiner) == KEPT
    # And back: what was stored under the wrong clock serves under the right one.
    failpoint.clear()
    assert joiner.joins()
    assert prove(joiner) == KEPT
    assert joiner.refreshes(status=400) == 0


def age_s(pid):
    started_ticks = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


def test_a_clock_that_is_set_forward_takes_no_bot_from_a_runner_that_lives(stack, failpoint):
    """To the clock it is as if the machine had slept, and all leases run out meanwhile."""
    lease_s, jump_s = 10, 12
    api = stack.create_project().api
    living, dead = Runner(api), Runner(api)
    for runner in living, dead:
        api.post(BOTS, json={"meeting_url": "https://zoom.us/j/85512345678"}).must_be(201)
        assert runner.claim(lease_s=lease_s)
        runner.go("joined_meeting")
    # Those of one that has just been started would be taken for run out before its start.
    wait_until(lambda: living.heartbeat().must_be(200) and dead.heartbeat().must_be(200)
               and age_s(*pids_of(stack, "bots")) > jump_s + lease_s, 40, "a process that is older than the jump")
    failpoint.set_clock_error(jump_s)

    def dead_is_found():
        """Who claims settles what ran out."""
        assert Runner(api).claim() is None
        living.heartbeat().must_be(200)
        return dead.read()["state"] == "fatal_error"

    assert not dead_is_found()
    wait_until(dead_is_found, 20, "the end of the bot whose runner is dead")
    assert living.read()["state"] == "joined_not_recording"


@pytest.mark.parametrize("who", ["a claim", "the worker"])
def test_a_clock_that_is_set_back_keeps_no_bot_for_a_runner_that_is_dead(stack, failpoint, who):
    """By the clock its lease has an hour more to go."""
    api = stack.create_project().api
    living, dead = Runner(api), Runner(api)
    for runner in living, dead:
        api.post(BOTS, json={"meeting_url": "https://zoom.us/j/85512345678"}).must_be(201)
        assert runner.claim(lease_s=10)
        runner.go("joined_meeting")
    failpoint.set_clock_error(-HOUR_S)

    def dead_is_found():
        if who == "a claim":
            assert Runner(api).claim() is None
        living.heartbeat().must_be(200)
        return dead.read()["state"] == "fatal_error"

    if who == "the worker":
        time_travel.ring(stack)  # it looks by itself once a minute
    assert not dead_is_found()
    wait_until(dead_is_found, 20, "the end of the bot whose runner is dead")
    assert living.read()["state"] == "joined_not_recording"


def test_a_clock_that_is_set_forward_has_no_worker_take_up_a_webhook_that_it_has(stack, failpoint):
    """To the clock its lease of the webhook is over, and a receiver that hangs is to have one post, not two."""
    api = stack.create_project().api
    released, hanging = threading.Event(), []

    def hang(received):
        hanging.append(received.path)
        return 200 if released.wait(30) else 500

    with WebhookReceiver(hang) as slow, WebhookReceiver() as fast:
        api.post("/api/v1/webhooks", json={"url": slow.url, "triggers": ["bot.state_change"]}).must_be(201)
        other = api.post("/api/v1/webhooks", json={"url": fast.url, "triggers": ["zoom_oauth_app.state_change"]})
        for _ in range(3):
            api.post(BOTS, json={"meeting_url": "https://zoom.us/j/85512345678"}).must_be(201)
            assert Runner(api).claim()
        try:
            wait_until(lambda: hanging, what="the post that hangs")
            failpoint.set_clock_error(2 * 60)
            for count in 1, 2, 3:
                api.post(f"/api/v1/webhooks/{other.must_be(201).json['id']}/test").must_be(202)
                fast.wait(count, timeout=10)
            assert len(hanging) == 1
        finally:
            released.set()
        wait_until(lambda: len(hanging) == 3, what="the others")


@pytest.mark.parametrize("process", REFRESHERS)
@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["forth", "back"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_clock_that_jumps_an_hour_during_a_refresh_costs_no_user(
        stack, zoom, failpoint, joiner, seconds, when, process):
    time_travel.expire_access_token(stack, joiner.id)
    other = "bots" if process != "bots" else "zoom_oauth_connections"
    with joiner.spoil_refresh(hold=when) as fault, in_background(lambda: REFRESHERS[process](joiner)):
        joiner.wait_for_refresh_under_way()
        failpoint.set_clock_error(seconds)
        # Another program looks at the lease with the new time and finds it over, or endless.
        with in_background(lambda: REFRESHERS[other](joiner)) as asked:
            if seconds > 0:
                zoom.wait_for_requests(2, grant_type="refresh_token", **joiner.who)
                assert asked.result(timeout=30).status in (200, 503)
            assert joiner.read()["state"] == "connected"
            zoom.release_fault(fault["id"])
    assert prove(joiner) == KEPT
    failpoint.clear()
    assert prove(joiner) == KEPT
    assert joiner.read()["state"] == "connected"


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["forth", "back"])
def test_the_lease_of_a_dead_process_does_not_outlive_it_whatever_the_clock_says(
        stack, zoom, failpoint, joiner, seconds):
    time_travel.expire_access_token(stack, joiner.id)
    failpoint.arm("refresh.claimed", "kill")
    with in_background(lambda: REFRESHERS["bots"](joiner)):
        failpoint.wait()
    failpoint.set_clock_error(seconds)
    started = time.monotonic()
    assert prove(joiner) == KEPT
    assert time.monotonic() - started < 5
