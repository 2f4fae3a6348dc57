"""`hallpass keys rotate` is killed at every step, and rotates while everything serves."""

import json
import random
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from kill_points import prove
from outcomes import KEPT
from support.joiner import make_joiner
from support.stack import BUILD
from support.waiting import wait_until
from test_disk_and_clock import post_bot

POINTS = {
    "keys.written": "the file with the new key is written",
    "keys.added": "the new key is in the file",
    "keys.sealing": "values are being sealed anew",
    "keys.sealed": "the first values are sealed anew",
    "keys.all_sealed": "all values are sealed anew",
    "keys.dropped": "the old key is dropped",
}
ROTATE = [BUILD / "bin/hallpass", "keys", "rotate"]


def start_rotation(stack):
    return subprocess.Popen(
        ROTATE, cwd=stack.directory, env={"HALLPASS_CONFIG": str(stack.config)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rotate(stack):
    with start_rotation(stack) as rotation:
        said, complained = rotation.communicate(timeout=60)
    assert rotation.returncode == 0, complained
    return said


def count_keys(stack):
    lines = (stack.directory / "encryption.keys").read_text().splitlines()
    return len([line for line in lines if line and not line.startswith("#")])


def all_open(stack):
    """As the doctor sees it: every stored secret is opened by a key of the file."""
    findings = json.loads(stack.run("hallpass", "doctor", "--json", check=False).stdout)
    findings = findings["findings"] if isinstance(findings, dict) else findings
    (secrets,) = [each for each in findings if each["check"] == "secrets"]
    assert secrets["level"] == "ok", secrets
    assert "the keys open all" in secrets["finding"] and not secrets["finding"].endswith("all 0")
    return True


@pytest.mark.parametrize("point", [
    pytest.param(point, marks=[pytest.mark.short] if point in ("keys.added", "keys.sealed") else [])
    for point in POINTS])
def test_a_rotation_that_dies_leaves_all_secrets_open_and_the_next_one_finishes_it(
        stack, failpoint, joiner, row, point):
    end = row("key rotation", POINTS[point], point, "hallpass keys rotate")
    assert all_open(stack) and count_keys(stack) == 1
    before = (stack.directory / "encryption.keys").read_text()
    failpoint.arm(point, "kill")
    with start_rotation(stack) as rotation:
        assert rotation.wait(60) == -signal.SIGKILL
    failpoint.wait()
    assert count_keys(stack) == (1 if point in ("keys.written", "keys.dropped") else 2)
    assert all_open(stack)
    assert prove(joiner) == KEPT

    said = rotate(stack)
    assert ("finishing the rotation that was interrupted" in said) == (
        point not in ("keys.written", "keys.dropped"))
    assert count_keys(stack) == 1 and all_open(stack)
    assert not set(before.split()) & {
        line for line in (stack.directory / "encryption.keys").read_text().split() if len(line) > 40}
    assert prove(joiner) == KEPT
    end(KEPT)


def test_a_rotation_that_is_killed_anywhere_is_finished_by_the_next(stack, joiner, row):
    end = row("key rotation", "anywhere", "from outside, again and again", "hallpass keys rotate")
    started = time.monotonic()
    rotate(stack)
    duration_s = time.monotonic() - started
    killed = tried = 0
    while killed < 12:
        tried += 1
        assert tried <= 100, f"of {tried} rotations only {killed} could be killed"
        with start_rotation(stack) as rotation:
            try:
                rotation.wait(duration_s * (tried % 12) / 12)
            except subprocess.TimeoutExpired:
                rotation.kill()
            killed += rotation.wait(10) == -signal.SIGKILL
        assert all_open(stack)
    rotate(stack)
    assert count_keys(stack) == 1 and all_open(stack)
    assert prove(joiner) == KEPT
    end(KEPT)


@pytest.mark.short
@pytest.mark.parametrize("point", ["keys.written", "keys.sealed"])
def test_of_two_rotations_at_once_the_second_is_refused(stack, failpoint, joiner, point):
    """Either would put its own key before the same old one, and drop the other's."""
    failpoint.arm(point, "pause")
    with start_rotation(stack) as first:
        failpoint.wait()
        with start_rotation(stack) as second:
            _, complained = second.communicate(timeout=60)
        failpoint.let_go()
        assert first.wait(60) == 0
    assert second.returncode == 1 and "another `hallpass keys rotate` is at work" in complained, complained
    assert count_keys(stack) == 1 and all_open(stack)
    assert prove(joiner) == KEPT


@pytest.mark.short
def test_a_rotation_waits_longer_for_its_turn_than_requests_do(stack, joiner):
    with stack.database.held() as holder, start_rotation(stack) as rotation:
        wait_until(lambda: count_keys(stack) == 2, what="the new key")
        for _ in range(2):
            assert post_bot(joiner).must_be(503).code == "database_busy"
        assert rotation.poll() is None
        holder.execute("ROLLBACK")
        assert rotation.wait(60) == 0
    assert count_keys(stack) == 1 and all_open(stack)


def test_a_rotation_that_gets_no_turn_says_what_to_do_and_the_next_one_goes_on(stack, joiner):
    with stack.database.held(), start_rotation(stack) as rotation:
        _, complained = rotation.communicate(timeout=90)
        assert rotation.returncode == 1
        assert complained == ("hallpass: other writers have held the database for 60 s; the key file still opens"
                              " everything: run `hallpass keys rotate` again, which goes on from here\n")
        assert count_keys(stack) == 2 and all_open(stack)
    assert "finishing the rotation that was interrupted" in rotate(stack)
    assert count_keys(stack) == 1 and all_open(stack)
    assert prove(joiner) == KEPT


class Load:
    """Whatever a service does, all the time, and what of it failed."""

    def __init__(self, *actions):
        self.actions, self.failures, self.counts = actions, [], [0] * len(actions)
        self.is_over = threading.Event()

    def repeat(self, index):
        while not self.is_over.is_set():
            try:
                self.actions[index]()
                self.counts[index] += 1
            except Exception as failure:  # of whatever kind: each one is a request that failed
                self.failures.append(repr(failure))

    @contextmanager
    def run(self):
        threads = [threading.Thread(target=self.repeat, args=[index])
                   for index in range(len(self.actions))]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.is_over.set()
            for thread in threads:
                thread.join(60)


@pytest.mark.short
def test_no_request_fails_while_keys_rotate_and_rotations_are_killed(stack, zoom, api):
    joiners = [make_joiner(stack, zoom, api)]
    joiners += [make_joiner(stack, zoom, api, like=joiners[0].connected) for _ in range(3)]

    def ask():
        answer = random.choice(joiners[1:]).zoom_tokens()
        assert answer["join_flow"] == "token", answer

    def refresh():
        assert random.choice(joiners[1:]).refresh().must_be(200).json["state"] == "connected"

    def send_event():
        (delivery,) = zoom.create_meetings(joiners[0].who["user_id"], 1, event=True)["deliveries"]
        assert delivery["accepted"] and delivery["attempts"][0]["status"] == 200, delivery

    def authorize():  # whoever asked at that moment would rightly hear that Zoom has voided the token
        joiners[0].connected.authorize().must_be(201)

    with Load(ask, ask, refresh, send_event, authorize).run() as load:
        for count in range(6):
            with start_rotation(stack) as rotation:
                if count % 2 == 0:
                    try:
                        rotation.wait(random.uniform(0.002, 0.03))
                    except subprocess.TimeoutExpired:
                        rotation.kill()
                rotation.wait(60)
            assert all_open(stack)
            reached = [each + 3 for each in load.counts]
            wait_until(lambda: load.failures or all(
                each >= least for each, least in zip(load.counts, reached)), timeout=60)
    rotate(stack)
    assert not load.failures, load.failures[:5]
    assert count_keys(stack) == 1 and all_open(stack)
    for joiner in joiners:
        assert prove(joiner) == KEPT
        api.delete(f"/api/v1/zoom_oauth_connections/{joiner.id}?revoke=false").must_be(200)
