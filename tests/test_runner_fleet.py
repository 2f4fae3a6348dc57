"""Many runners, many bots, several processes; and runners that are killed."""

import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from support.preload import slow_disk
from support.runner import BOTS, Runner
from support.stack import ROOT
from support.time_travel import now, write
from support.waiting import wait_until

LINK = "https://zoom.us/j/85512345678?pwd=abc123"
RUNNERS, BOT_COUNT = 100, 1000


def make(api, **fields):
    return api.post(BOTS, json={"meeting_url": LINK} | fields).must_be(201).json


def work(api, start, claimed):
    """Claims until nothing is due, and takes each bot a step further."""
    runner = Runner(api)
    start.wait(30)
    while runner.claim():
        claimed.append(runner.bot["id"])
        runner.go("joined_meeting")


def share(stack, api, count):
    """All runners share so many bots; each is handed out once, and no request is refused."""
    with ThreadPoolExecutor(RUNNERS) as pool:
        made = {bot["id"] for bot in pool.map(lambda _: make(api), range(count))}
    claimed, start = [], threading.Barrier(RUNNERS)  # appending is atomic
    with ThreadPoolExecutor(RUNNERS) as pool:
        for work_done in [pool.submit(work, api, start, claimed) for _ in range(RUNNERS)]:
            work_done.result()
    assert len(made) == count
    assert Counter(claimed) == Counter(made)
    rows = stack.database.rows("SELECT count(*) AS count, count(DISTINCT lease_token_sha256) AS tokens,"
                               " count(DISTINCT runner_id) AS runners FROM bots WHERE state = 'joined_not_recording'")
    assert rows[0]["count"] == rows[0]["tokens"] == count
    assert rows[0]["runners"] > RUNNERS // 2
    events = stack.database.rows("SELECT type, count(*) AS count FROM bot_events GROUP BY type")
    assert {row["type"]: row["count"] for row in events} == {"join_requested": count, "joined_meeting": count}


def test_a_hundred_runners_share_a_thousand_bots_each_handed_out_once(private_stack):
    stack = private_stack(processes=3)
    share(stack, stack.create_project().api, BOT_COUNT)


@contextmanager
def another_program_writes(api):
    """All the time, and is not refused either."""
    webhook = api.post("/api/v1/webhooks", json={
        "url": "https://receiver.example/connections", "triggers": ["zoom_oauth_connection.state_change"]}).must_be(201)
    is_over = threading.Event()

    def write():
        count = 0
        while not is_over.is_set():
            api.patch(f"/api/v1/webhooks/{webhook.json['id']}", json={"url": f"https://receiver.example/{count}"}).must_be(200)
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            yield
        finally:
            is_over.set()
        assert writing.result() > 10


def test_on_a_disk_that_takes_20_ms_a_sync_none_of_a_hundred_runners_is_refused(private_stack, tmp_path):
    stack = private_stack(processes=3, **slow_disk(tmp_path, 20))
    project = stack.create_project()
    with another_program_writes(project.api):
        share(stack, project.api, 500)


def test_plain_cgi_processes_at_once_hand_each_bot_out_once(project):
    made = [make(project.api)["id"] for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        claimed = list(pool.map(lambda _: Runner(project.cgi_api).claim()["id"], range(12)))
    assert sorted(claimed) == sorted(made)
    assert Runner(project.cgi_api).claim() is None


RUNNER_PROCESS = """
import sys, time
sys.path.insert(0, sys.argv[1])
from support.http_client import Api
from support.preload import slow_disk
from support.runner import Runner
runner = Runner(Api(sys.argv[2], sys.argv[3]), "killed")
print(runner.claim()["id"], flush=True)
while True:
    runner.heartbeat().must_be(200)
    print("alive", flush=True)
    time.sleep(0.05)
"""


@contextmanager
def runner_process(api):
    process = subprocess.Popen([sys.executable, "-c", RUNNER_PROCESS, str(ROOT / "tests"), api.url, api.key],
                               stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
    with process:
        try:
            yield process
        finally:
            process.kill()


def expiry(stack, bot):
    return stack.database.value("SELECT lease_expires_at FROM bots WHERE public_id = ?", bot["id"])


def test_a_killed_runners_bot_comes_back_and_a_living_ones_does_not(api, stack):
    bot, second = make(api), Runner(api, "second")
    with runner_process(api) as process:
        assert process.stdout.readline().strip() == bot["id"]
        for _ in range(3):
            before = expiry(stack, bot)
            wait_until(lambda: expiry(stack, bot) > before, what="the next heartbeat")
            assert second.claim() is None
    assert second.claim() is None  # its lease is good for a while
    assert write(stack, "UPDATE bots SET lease_expires_at = ? WHERE public_id = ?", now() - 1, bot["id"]) == 1
    assert second.claim()["id"] == bot["id"]
    assert [event["type"] for event in second.bot["events"]] == [
        "join_requested", "lease_expired", "join_requested"]
    assert second.bot["events"][1]["metadata"] == {"runner_id": "killed"}


def test_many_leases_that_run_out_at_once_are_all_settled(api, stack, project):
    made = [make(api)["id"] for _ in range(50)]
    runners = [Runner(api) for _ in made]
    for runner in runners:
        runner.claim()
    for runner in runners[:10]:
        runner.go("joined_meeting")
    write(stack, "UPDATE bots SET lease_expires_at = ? WHERE project_id = ?", now() - 1, project.row_id)
    again = Runner(api)
    claimed = set()
    while again.claim():
        claimed.add(again.bot["id"])
    assert claimed == {runner.bot["id"] for runner in runners[10:]}
    for runner in runners[:10]:
        assert runner.read()["state"] == "fatal_error"
