"""How events are taken in: many at once, in shared transactions, on connections that stay open."""

import contextlib
import json
import os
import resource
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from support.failpoint import is_stopped
from support.fastcgi import KeptConnection
from support.lateness import Lateness
from support.preload import slow_disk
from support.processes import pids_of
from support.waiting import wait_until
from support.zoom_event import APPS, SHARED, deliver, made_up_id, meeting_event, signed

STRANGERS = {"id": "a-host-without-connection", "account_id": "an-account"}


class Intake:
    """An app of a project, and the events that Zoom sends it."""

    def __init__(self, stack, zoom):
        self.stack, self.database, self.api = stack, stack.database, stack.create_project().api
        made = zoom.create_app()
        self.secret = made["webhook_secret"]
        self.app = self.api.post(APPS, json={
            "client_id": made["client_id"], "client_secret": made["client_secret"],
            "webhook_secret": self.secret}).must_be(201).json
        self.path = f"{SHARED}/{self.app['id']}"

    def send(self, event, secret=None):
        return deliver(self.stack.anonymous, self.path, event, secret or self.secret)

    def stored(self):
        return self.database.value(
            "SELECT count(body_hash) FROM zoom_log l JOIN zoom_oauth_apps a ON a.id = l.app_id"
            " WHERE a.public_id = ?", self.app["id"])

    def counted(self):
        return self.database.value(
            "SELECT COALESCE(sum(count), 0) FROM zoom_event_counts c JOIN zoom_oauth_apps a ON a.id = c.app_id"
            " WHERE a.public_id = ?", self.app["id"])


@pytest.fixture
def intake(stack, zoom):
    return Intake(stack, zoom)


def new_event():
    return meeting_event("meeting.started", STRANGERS, made_up_id())


def new_body():
    return json.dumps(new_event()).encode()


# Shared transactions


def test_each_of_many_events_at_once_is_answered_for_what_became_of_it(intake):
    events = [new_event() for _ in range(100)]
    wrong = [new_event() for _ in range(10)]
    with ThreadPoolExecutor(32) as pool:
        good = [pool.submit(intake.send, each) for each in events + events]
        bad = [pool.submit(intake.send, each, "another-secret") for each in wrong]
        unreadable = [pool.submit(intake.send, {"event": "meeting.started", "payload": 7}) for _ in range(10)]
    assert {each.result().code for each in bad} == {"invalid_signature"}
    assert {each.result().status for each in unreadable} == {400}
    said = [each.result().must_be(200).json["status"] for each in good]
    assert sorted(said) == ["already_handled"] * 100 + ["ok"] * 100
    assert intake.stored() == intake.counted() == 100


def test_events_that_find_the_database_held_are_503_with_nothing_stored_and_come_through_later(intake):
    events = [new_event() for _ in range(60)]
    intake.send(new_event()).must_be(200)
    with intake.database.held(), ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(intake.send, events))
    assert {each.must_be(503).code for each in answers} <= {"database_busy", "service_unavailable"}
    assert all(int(each.headers["retry-after"]) >= 1 for each in answers)
    assert intake.stored() == intake.counted() == 1
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(intake.send, events))
    assert {each.must_be(200).json["status"] for each in answers} == {"ok"}
    assert intake.stored() == intake.counted() == 61


def test_beside_another_processs_short_transactions_events_come_through(intake):
    is_over = threading.Event()

    def write():
        with intake.database.open() as other:
            while not is_over.is_set():
                other.execute("BEGIN IMMEDIATE")
                other.execute("UPDATE zoom_oauth_apps SET updated_at = updated_at WHERE id = -1")
                is_over.wait(0.005)
                other.execute("COMMIT")
                is_over.wait(0.002)  # the worker asks Zoom for more

    with ThreadPoolExecutor(17) as pool:
        writer = pool.submit(write)
        try:
            answers = list(pool.map(intake.send, [new_event() for _ in range(200)]))
        finally:
            is_over.set()
        writer.result()
    assert {each.status for each in answers} == {200}
    assert intake.stored() == 200


def test_a_thread_whose_event_another_one_stores_keeps_no_connection_from_the_others(private_stack, zoom):
    """Whoever finds none waits for a second. Many threads are at it at once where many secrets are to be tried."""
    many = Intake(private_stack(HALLPASS_THREADS=40), zoom)
    for each in [zoom.create_app() for _ in range(60)]:
        many.api.post(APPS, json={name: each[name] for name in ("client_id", "client_secret", "webhook_secret")}
                      ).must_be(201)

    def send(_):
        started = time.monotonic()
        deliver(many.stack.anonymous, SHARED, new_event() | {"padding": "x" * 60_000}, many.secret).must_be(200)
        return time.monotonic() - started

    with Lateness() as lateness, ThreadPoolExecutor(36) as pool:
        took_s = sorted(pool.map(send, range(360)))
    assert took_s[-1] - took_s[len(took_s) // 2] < 0.8 + lateness.most_s


# What a process remembers of an app


def test_a_flood_of_forged_events_keeps_no_true_one_waiting_on_a_slow_disk(private_stack, zoom, tmp_path):
    """A commit for each of them would take twice as long as Zoom waits."""
    intake = Intake(private_stack(**slow_disk(tmp_path, 100)), zoom)
    with ThreadPoolExecutor(61) as pool:
        forged = [pool.submit(intake.send, new_event(), "wrong") for _ in range(60)]
        true = pool.submit(intake.send, new_event())
        assert {answer.result().status for answer in forged} == {401}
        true.result().must_be(200)
    assert intake.api.get(f"{APPS}/{intake.app['id']}").json["last_rejected_webhook_at"]


def test_a_flood_of_events_keeps_no_url_validation_waiting_on_a_slow_disk(private_stack, zoom, tmp_path):
    """True events and forged ones have a group each: there is always one that waits to go first."""
    intake = Intake(private_stack(**slow_disk(tmp_path, 50)), zoom)
    validation = {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "a-token"}}
    is_over = threading.Event()

    def send_until_over(secret):
        while not is_over.is_set():
            intake.send(new_event(), secret).must_be(200 if secret is None else 401)

    with ThreadPoolExecutor(24) as pool:
        floods = [pool.submit(send_until_over, secret) for secret in [None, "wrong"] * 12]
        try:
            wait_until(intake.stored, what="the flood")
            for _ in range(3):
                intake.send(validation).must_be(200)
        finally:
            is_over.set()
        for flood in floods:
            flood.result()


def test_a_new_secret_holds_at_once_for_a_process_that_remembers_the_old_one(intake):
    intake.send(new_event()).must_be(200)
    intake.send(new_event()).must_be(200)
    intake.api.patch(f"{APPS}/{intake.app['id']}", json={"webhook_secret": "another-secret"}).must_be(200)
    assert intake.send(new_event()).must_be(401).code == "invalid_signature"
    assert intake.stored() == 2
    intake.send(new_event(), "another-secret").must_be(200)
    assert intake.send(new_event()).must_be(401).code == "invalid_signature"
    intake.send(new_event(), "another-secret").must_be(200)
    assert intake.stored() == 4


def test_an_app_that_is_removed_has_no_address_for_a_process_that_remembers_it(intake):
    intake.send(new_event()).must_be(200)
    intake.api.delete(f"{APPS}/{intake.app['id']}").must_be(200)
    intake.send(new_event()).must_be(404)
    intake.send(new_event()).must_be(404)


def test_a_key_rotation_does_not_disturb_a_process_that_remembers_a_secret(intake):
    intake.send(new_event()).must_be(200)
    intake.stack.run("hallpass", "keys", "rotate")
    for _ in range(3):
        intake.send(new_event()).must_be(200)
    assert intake.stored() == 4


# Connections that stay open


THREADS = 2
RESTARTS, SENDERS = 5, 8


@pytest.fixture
def small(private_stack, zoom):
    return Intake(private_stack(HALLPASS_THREADS=THREADS), zoom)


def connections_to(intake, count, at_end):
    path = intake.stack.directory / "sockets/zoom_webhooks.sock"
    return [at_end.enter_context(KeptConnection(path)) for _ in range(count)]


def post(connection, intake, body):
    return connection.post(intake.path, body, signed(intake.secret, body))


def test_far_more_connections_than_threads_may_be_kept_open(small):
    """A thread for each kept connection would leave the third one waiting for ever, and nginx with it."""
    with contextlib.ExitStack() as at_end:
        connections = connections_to(small, 20 * THREADS, at_end)
        for _ in range(3):
            assert [post(each, small, new_body()) for each in connections] == [200] * len(connections)
        small.send(new_event()).must_be(200)
    assert small.stored() == 3 * 20 * THREADS + 1


def test_new_connections_are_not_kept_waiting_by_requests_on_those_that_are_open(small):
    """Where each round of open ones let in a single new one, nginx gave up some while others went round and round."""
    with contextlib.ExitStack() as at_end:
        opened = connections_to(small, 60, at_end)
        assert [post(each, small, new_body()) for each in opened] == [200] * len(opened)
        (pid,) = pids_of(small.stack, "zoom_webhooks")
        os.kill(pid, signal.SIGSTOP)
        at_end.callback(os.kill, pid, signal.SIGCONT)
        wait_until(lambda: is_stopped(pid), what="the stop")
        new = connections_to(small, 10, at_end)
        bodies = [new_body() for _ in opened + new]
        for connection, body in zip(opened + new, bodies):
            connection.send(small.path, body, signed(small.secret, body))
        os.kill(pid, signal.SIGCONT)
        assert [each.read_status() for each in opened + new] == [200] * len(bodies)
    newest_first = [row["meeting_id"] for row in small.database.rows("SELECT meeting_id FROM zoom_log ORDER BY id DESC")]
    places = [newest_first.index(json.loads(body)["payload"]["object"]["id"]) for body in bodies]
    # Of 70. The new ones come in turn with others, but for one that each thread may stop at.
    assert len([place for place in places[len(opened):] if place <= 30]) <= THREADS


def test_who_waits_while_another_hangs_up_within_a_request_is_served_like_everybody(small):
    """libfcgi would accept a connection itself in the place of the one that is gone: one that nobody knows."""
    with contextlib.ExitStack() as at_end:
        going = connections_to(small, 10, at_end)
        assert [post(each, small, new_body()) for each in going] == [200] * len(going)
        (pid,) = pids_of(small.stack, "zoom_webhooks")
        os.kill(pid, signal.SIGSTOP)
        at_end.callback(os.kill, pid, signal.SIGCONT)
        wait_until(lambda: is_stopped(pid), what="the stop")
        for each in going:
            each.hang_up_within(small.path, new_body(), {})
        waiting = connections_to(small, 20, at_end)
        for each in waiting:
            body = new_body()
            each.send(small.path, body, signed(small.secret, body))
        os.kill(pid, signal.SIGCONT)
        assert [each.read_status() for each in waiting] == [200] * len(waiting)
        assert [post(each, small, new_body()) for each in waiting] == [200] * len(waiting)


def test_what_is_left_of_a_refused_request_is_not_taken_for_the_next_one(small):
    with contextlib.ExitStack() as at_end:
        (connection,) = connections_to(small, 1, at_end)
        for size in 0, 10, 5000, 200_000, 1_000_000:
            assert connection.post("/api/v1/zoom_oauth/nowhere", b"x" * size, {}) == 404
            assert post(connection, small, new_body()) == 200


def test_the_end_of_a_process_closes_what_it_kept_open_and_its_successor_takes_over(small):
    with contextlib.ExitStack() as at_end:
        connections = connections_to(small, 10, at_end)
        assert [post(each, small, new_body()) for each in connections] == [200] * len(connections)
        (before,) = pids_of(small.stack, "zoom_webhooks")
        os.kill(before, signal.SIGTERM)
        assert all(each.is_closed() for each in connections)
        wait_until(lambda: pids_of(small.stack, "zoom_webhooks") not in ([], [before]), what="its successor")
        (connection,) = connections_to(small, 1, at_end)
        assert post(connection, small, new_body()) == 200


def test_restarts_under_load_lose_no_event_that_was_acknowledged(small):
    accepted, others, is_over = [], [], threading.Event()

    def send():
        while not is_over.is_set():
            answer = small.send(new_event())
            (accepted if answer.status == 200 else others).append(answer.status)

    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(send) for _ in range(SENDERS)]
        try:
            for _ in range(RESTARTS):
                before, (pid,) = len(accepted), pids_of(small.stack, "zoom_webhooks")
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda: pids_of(small.stack, "zoom_webhooks") not in ([], [pid]), what="its successor")
                wait_until(lambda: len(accepted) > before + 50 or any(s.done() for s in senders),
                           what="events taken in after a restart")
        finally:
            is_over.set()
        for sender in senders:
            sender.result()
    # What nginx sends on a connection in the moment in which it is closed is 503, and Zoom sends it again.
    assert set(others) <= {503} and len(others) <= RESTARTS * SENDERS
    assert small.stored() - len(others) <= len(accepted) <= small.stored()


def test_a_burst_of_2000_connections_is_taken_in_whole(intake):
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    count = 2000
    with contextlib.ExitStack() as at_end:
        clients = [at_end.enter_context(closing(socket.create_connection(("127.0.0.1", intake.stack.port), 60)))
                   for _ in range(count)]
        for client in clients:
            body = new_body()
            headers = signed(intake.secret, body) | {
                "Host": "zoom", "Content-Type": "application/json", "Content-Length": str(len(body))}
            lines = [f"POST {intake.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        statuses = [client.recv(12) for client in clients]
    assert set(statuses) == {b"HTTP/1.1 200"}
    assert intake.stored() == count
