"""The worker waits for Zoom on as many threads as there is work for, up to a limit, and they go again."""

import pathlib
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import time_travel
from support.processes import end, pids_of, worker_beside
from support.time_travel import now
from support.waiting import wait_until
from support.zoom_user import ConnectedUser, connect_user, register_app
from test_worker_sleep import SECOND, wait_for_clock, wake_ups

AT_ONCE_MAX, SYNCS_AT_ONCE_MAX = 100, 8  # src/worker/token_upkeep.c, meeting_sync.c
AT_REST = 2  # who listens for rings and signals, and who has the watch
TIMEOUT_S = 50
WITHOUT_EFFECT = {"status": 503}  # also when nobody waits for the answer any more


class Crowd:
    """Users of one app, whose first syncs are done."""

    def __init__(self, stack, zoom, count):
        self.stack, self.zoom, self.count = stack, zoom, count
        self.api = stack.create_project().api
        app, registered = register_app(self.api, zoom)
        self.who = {"client_id": app["client_id"]}
        self.app_id = stack.database.value("SELECT id FROM zoom_oauth_apps WHERE public_id = ?", registered["id"])

        def connect(user):
            connected = ConnectedUser(self.api, zoom, app, registered, user)
            connected.authorize().must_be(201)
            return connected

        with ThreadPoolExecutor(8) as pool:
            self.users = list(pool.map(connect, zoom.create_users(count)))
        self.wait_until_all_are("last_successful_sync_at > 0", "the first syncs")

    def how_many_are(self, condition):
        return self.stack.database.value(
            "SELECT count(*) FROM zoom_oauth_connections JOIN zoom_oauth_credentials ON connection_id = id"
            f" WHERE app_id = ? AND {condition}", self.app_id)

    def wait_until_all_are(self, condition, what):
        wait_until(lambda: self.how_many_are(condition) == self.count, timeout=60, what=what)

    def make_due(self):
        assert self.count == time_travel.write(
            self.stack, "UPDATE zoom_oauth_credentials SET next_refresh_at = 1 WHERE connection_id IN"
            " (SELECT id FROM zoom_oauth_connections WHERE app_id = ?)", self.app_id)
        time_travel.ring(self.stack)

    def make_syncs_due(self):
        assert self.count == time_travel.write(
            self.stack, "UPDATE zoom_oauth_connections SET next_sync_at = 1 WHERE app_id = ?", self.app_id)
        time_travel.ring(self.stack)

    def hold(self, path="/oauth/token", **fault):
        """Zoom keeps the answers to itself, and has done nothing yet."""
        return self.zoom.fault(path=path, times=None, **{"hold": "before"} | self.who | fault)

    def wait_for(self, count, **filters):
        self.zoom.wait_for_requests(count, timeout_s=60, **{"state": "in_flight"} | self.who | filters)

    def under_way(self):
        return self.zoom.count_requests(state="in_flight", **self.who)

    def refreshes(self, **filters):
        return self.zoom.count_requests(grant_type="refresh_token", **self.who, **filters)

    def wait_until_refreshed(self, times=1):
        """So often in all, each of them equally often."""
        self.wait_until_all_are(f"generation = {1 + times} AND refresh_holder IS NULL AND next_refresh_at > 1",
                                "the refreshes")
        assert self.refreshes(status=200) == self.refreshes() == times * self.count


@pytest.fixture
def crowd(private_stack, zoom):
    return lambda count, timeout_s=TIMEOUT_S: Crowd(
        private_stack(HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000), zoom, count)


def threads(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/task").iterdir()))


def wait_for_rest(pid):
    wait_until(lambda: threads(pid) == AT_REST, what="the threads' going")


def test_what_waits_for_zoom_waits_at_once_up_to_the_limit_and_the_rest_after_it(crowd):
    crowd = crowd(AT_ONCE_MAX + 15)
    stack = crowd.stack
    worker, = pids_of(stack, "worker")
    other = connect_user(crowd.api, crowd.zoom)  # of another app, which nothing holds
    wait_until(lambda: other.read()["last_successful_sync_at"], what="a first sync")
    with crowd.hold():
        crowd.make_due()
        crowd.wait_for(AT_ONCE_MAX)
        # Those of other jobs have their turn meanwhile; of this one there is no room.
        time_travel.run_sync(stack, other.id)
        done = len(time_travel.pieces(stack, "clean_up"))
        time_travel.make_clean_up_due(stack)
        wait_until(lambda: len(time_travel.pieces(stack, "clean_up")) > done, what="the clean-up")
        assert crowd.under_way() == AT_ONCE_MAX
        wait_until(lambda: threads(worker) == 2 * AT_ONCE_MAX + AT_REST,
                   what="one thread for each, one for its refresh, and no more")
    crowd.wait_until_refreshed()
    wait_for_rest(worker)


def test_syncs_have_a_limit_of_their_own(crowd):
    crowd = crowd(SYNCS_AT_ONCE_MAX + 4)
    worker, = pids_of(crowd.stack, "worker")
    with crowd.hold("/v2/users/me/meetings"):
        began = now()
        crowd.make_syncs_due()
        crowd.wait_for(SYNCS_AT_ONCE_MAX)
        crowd.make_due()  # which goes on beside them
        crowd.wait_until_refreshed()
        assert crowd.under_way() == SYNCS_AT_ONCE_MAX
    crowd.wait_until_all_are(f"next_sync_at > 1 AND last_successful_sync_at > {began}", "the syncs")
    wait_for_rest(worker)


def test_one_call_that_hangs_holds_up_nobody_else(crowd):
    crowd = crowd(20)
    with crowd.hold(user_id=crowd.users[7].user_id):
        crowd.make_due()
        crowd.wait_for(crowd.count - 1, state="finished", grant_type="refresh_token", status=200)
        assert crowd.under_way() == 1
    crowd.wait_until_refreshed()


def test_after_a_crowd_the_worker_sleeps_as_if_nothing_had_been(crowd):
    crowd = crowd(30)
    worker, = pids_of(crowd.stack, "worker")
    crowd.make_due()
    crowd.wait_until_refreshed()
    wait_for_rest(worker)
    wait_for_clock(now() + SECOND)  # who was the last has looked, too
    asleep = wake_ups(worker)
    wait_for_clock(now() + 2 * SECOND)
    assert wake_ups(worker) == asleep and threads(worker) == AT_REST


def refresh_all_once(crowd):
    """Zoom takes the refresh tokens that are stored: nobody has lost theirs."""
    crowd.make_due()
    with worker_beside(crowd.stack, "--once") as once:
        assert once.wait(60) == 0
    assert crowd.how_many_are("state = 'connected' AND refresh_attempts = 0 AND next_refresh_at > 1") == crowd.count


@pytest.mark.parametrize("arguments, by", [
    ((), signal.SIGTERM), ((), signal.SIGHUP), (("--once",), signal.SIGTERM)],
    ids=["resident", "resident, its terminal closes", "from cron"])
def test_a_worker_that_is_to_end_begins_nothing_and_stores_what_zoom_still_answers(crowd, arguments, by):
    crowd = crowd(AT_ONCE_MAX + 10)
    end(crowd.stack, "worker")
    crowd.make_due()
    # Zoom has renewed the tokens, when it is told.
    with crowd.hold(hold="after") as fault, worker_beside(crowd.stack, *arguments) as worker:
        crowd.wait_for(AT_ONCE_MAX)
        worker.send_signal(by)
        wait_until(lambda: threads(worker.pid) == 2 * AT_ONCE_MAX + 1, what="the end of the watch")
        crowd.zoom.release_fault(fault["id"])
        assert worker.wait(60) == 0
    assert crowd.refreshes() == crowd.refreshes(status=200) == AT_ONCE_MAX
    assert crowd.how_many_are("generation = 2 AND refresh_holder IS NULL") == AT_ONCE_MAX
    refresh_all_once(crowd)
    assert crowd.refreshes(status=200) == crowd.refreshes() == AT_ONCE_MAX + crowd.count


def test_a_worker_that_was_started_to_outlive_its_terminal_does(crowd):
    crowd = crowd(1)
    end(crowd.stack, "worker")
    with worker_beside(crowd.stack, by=["nohup"]) as worker:
        wait_for_rest(worker.pid)
        worker.send_signal(signal.SIGHUP)
        crowd.make_due()
        crowd.wait_until_refreshed()
        worker.terminate()
        assert worker.wait(20) == 0


def test_calls_that_hang_keep_a_worker_from_ending_no_longer_than_their_time_out(crowd):
    crowd = crowd(40, timeout_s=3)
    end(crowd.stack, "worker")
    with worker_beside(crowd.stack) as worker, crowd.hold(**WITHOUT_EFFECT):
        crowd.make_due()
        crowd.wait_for(crowd.count)
        worker.terminate()
        assert worker.wait(3 + 30) == 0
    assert crowd.how_many_are("refresh_holder IS NULL AND refresh_attempts = 1") == crowd.count
    # All that silence has told the worker not to ask Zoom for a while; then everybody's token is good.
    crowd.make_due()
    with worker_beside(crowd.stack):
        wait_until(lambda: crowd.how_many_are("generation = 2") == crowd.count, timeout=60, what="the refreshes")


def test_while_zoom_is_not_asked_nobody_is_put_off(crowd):
    crowd = crowd(AT_ONCE_MAX + 40, timeout_s=2)
    with crowd.hold(**WITHOUT_EFFECT):
        crowd.make_due()
        wait_until(lambda: crowd.stack.database.value("SELECT max(failed_probes) FROM zoom_circuits"),
                   timeout=60, what="a probe's failure")
        # Some may have been claimed between the first failures and the one that made it sure.
        spared = crowd.how_many_are("refresh_attempts = 0")
        assert spared >= 20
        assert crowd.refreshes() <= crowd.count - spared + 1  # the next probe may be under way
    wait_until(lambda: crowd.how_many_are("generation = 2") >= spared - 1, timeout=60, what="their refreshes")


def test_a_run_from_cron_waits_for_zoom_at_once_too_and_ends_when_all_is_done(crowd):
    crowd = crowd(30)
    end(crowd.stack, "worker")
    crowd.make_due()
    crowd.make_syncs_due()
    with crowd.hold() as fault, worker_beside(crowd.stack, "--once") as once:
        crowd.wait_for(crowd.count)
        assert once.poll() is None
        crowd.zoom.release_fault(fault["id"])
        assert once.wait(60) == 0
    crowd.wait_until_refreshed()
    assert crowd.how_many_are("next_sync_at > 1") == crowd.count
