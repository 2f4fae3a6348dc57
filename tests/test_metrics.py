"""What Prometheus is told: everything that happens is counted once, whichever process it happened in."""

import os
import re
import subprocess
import threading

import pytest

from support import processes, time_travel
from support.cgi import read_answer
from support.joiner import make_joiner
from support.metrics import Metrics, read_metrics
from support.runner import BOTS, Runner
from support.stack import BUILD, ROOT
from support.token_callback import SIGNING_SECRET, TokenCallback, attendee_body
from support.waiting import wait_until
from support.webhook_receiver import WebhookReceiver, answers
from support.zoom_event import SHARED, deliver, made_up_id, meeting_event, milliseconds

REQUESTS = "hallpass_http_requests_total"
REQUEST_TIME = "hallpass_http_request_duration_seconds"
ZOOM_CALLS = "hallpass_zoom_calls_total"
REFRESHES = "hallpass_token_refreshes_total"
TOKENS = "hallpass_zoom_tokens_total"
EVENTS = "hallpass_zoom_events_total"
DELIVERIES = "hallpass_webhook_deliveries_total"
PENDING = "hallpass_webhook_deliveries_pending"
CALLBACKS = "hallpass_token_callbacks_total"
JOBS = "hallpass_jobs_total"
QUEUE = "hallpass_queue_oldest_due_seconds"


def ask_status(stack, **variables):
    """/metrics as plain CGI with variables of its own."""
    result = subprocess.run(
        [BUILD / "cgi-bin/status"], capture_output=True, check=True, timeout=60,
        env={"HALLPASS_CONFIG": str(stack.config), "REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}
        | variables)
    return read_answer(result.stdout)


@pytest.fixture(scope="module")
def watched(state_directory, zoom, secrets):
    """A stack that nobody else asks, with three processes of each responder."""
    from conftest import end_stack, run_stack
    with state_directory("watched") as directory:
        stack = run_stack(directory, zoom, secrets, "nginx", processes=3)
        yield stack
        end_stack(stack, zoom)


class Growth:
    """How far counts have come since this was made."""

    def __init__(self, stack):
        self.stack, self.before = stack, read_metrics(stack)

    def get(self, name, **labels):
        return read_metrics(self.stack).get(name, **labels) - self.before.get(name, **labels)

    def of(self, name):
        """{labels: growth} of the series that grew."""
        now, before = read_metrics(self.stack).of(name), self.before.of(name)
        grown = {labels: value - before.get(labels, 0) for labels, value in now.items()}
        return {labels: value for labels, value in grown.items() if value}

    def wait(self, name, wanted):
        """An answer may be with the caller before it is counted, so this waits, and then compares."""
        wait_until(lambda: self.of(name) == wanted or sum(self.of(name).values()) > sum(wanted.values()),
                   what=f"{name} to grow by {wanted}")
        assert self.of(name) == wanted


def test_requests_are_counted_by_route_and_status_whichever_process_answers(watched):
    project = watched.create_project()
    growth = Growth(watched)
    for _ in range(20):
        project.api.get("/api/v1/bots").must_be(200)
    for _ in range(3):
        project.cgi("bots", "GET", "/api/v1/bots").must_be(200)
    project.api.get("/api/v1/bots/bot_0123456789abcdef").must_be(404)
    watched.anonymous.get("/api/v1/bots").must_be(401)
    project.api.call("PUT", "/api/v1/bots").must_be(405)
    assert growth.before.get(REQUESTS, method="GET", route="/api/v1/bots", status=200) == 0
    counted = {'method="GET",route="/api/v1/bots",status="200"': 23,
               'method="GET",route="/api/v1/bots",status="401"': 1,
               'method="GET",route="/api/v1/bots/:id",status="404"': 1,
               'method="",route="",status="405"': 1}
    wait_until(lambda: counted.items() <= growth.of(REQUESTS).items(), what="all to be counted")
    route = {"method": "GET", "route": "/api/v1/bots"}
    assert growth.get(f"{REQUEST_TIME}_count", **route) == 24
    assert growth.get(f"{REQUEST_TIME}_bucket", **route, le="+Inf") == 24
    assert 0 < growth.get(f"{REQUEST_TIME}_bucket", **route, le="0.1") <= 24
    assert 0 < growth.get(f"{REQUEST_TIME}_sum", **route) < 24


def test_a_path_that_is_not_ours_makes_no_series_of_its_own(watched):
    growth = Growth(watched)
    for method in "GET", "PURGE":
        watched.anonymous.call(method, f"/api/v1/bots/{made_up_id()}/{made_up_id()}/x")
    wait_until(lambda: growth.get(REQUESTS, method="", route="", status=404) == 2, what="two to be counted")


def test_zoom_calls_refreshes_and_tokens_are_counted_by_what_came_of_them(watched, zoom):
    joiner = make_joiner(watched, zoom, watched.create_project().api)
    growth = Growth(watched)
    assert joiner.joins()
    with zoom.fault(path="/v2/meetings/*", status=429, **joiner.who):
        assert not joiner.joins()
    joiner.refresh().must_be(200)
    with joiner.spoil_refresh(status=500):
        joiner.refresh().must_be(503)
    growth.wait(ZOOM_CALLS, {'kind="local_recording_token",outcome="ok"': 1,
                             'kind="local_recording_token",outcome="rate_limited"': 1,
                             'kind="refresh_token",outcome="ok"': 1,
                             'kind="refresh_token",outcome="unavailable"': 1})
    growth.wait(REFRESHES, {'outcome="ok"': 1, 'outcome="unavailable"': 1})
    growth.wait(TOKENS, {'flow="token",reason=""': 1, 'flow="standard",reason="rate_limited"': 1})
    assert growth.get("hallpass_zoom_call_duration_seconds_count", kind="refresh_token") == 2


def test_events_are_counted_by_app_and_by_what_became_of_them(watched, zoom):
    joiner = make_joiner(watched, zoom, watched.create_project().api)
    connected = joiner.connected
    zoom.deliveries(connected.client_id, wait_settled=True, timeout_s=30)
    secret, address = connected.app["webhook_secret"], f"{SHARED}/{connected.app_id}"
    event = meeting_event("meeting.started", connected.user, made_up_id())
    validation = {"event": "endpoint.url_validation", "event_ts": milliseconds(),
                  "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    growth = Growth(watched)
    deliver(watched.anonymous, address, event, secret).must_be(200)
    deliver(watched.anonymous, address, event, secret).must_be(200)
    deliver(watched.anonymous, address, event, "another secret").must_be(401)
    deliver(watched.anonymous, address, event, secret, offset_s=-7200).must_be(401)
    deliver(watched.anonymous, address, b"{}", secret).must_be(400)
    deliver(watched.anonymous, address, validation, secret).must_be(200)
    deliver(watched.anonymous, SHARED, {"event": "x"}, "another secret").must_be(401)
    counted = {"accepted": 1, "duplicate": 1, "invalid_signature": 1, "stale_timestamp": 1,
               "invalid_request": 1, "url_validation": 1}
    growth.wait(EVENTS, {f'app="{connected.app_id}",outcome="{outcome}"': count
                         for outcome, count in counted.items()}
                | {'app="",outcome="invalid_signature"': 1})


def test_the_workers_work_is_counted_and_what_it_does_not_get_to_is_seen(private_stack, zoom):
    stack = private_stack()
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    growth = Growth(stack)
    time_travel.run_sync(stack, joiner.id)
    assert growth.get(JOBS, job="meeting_sync", outcome="ok") == 1
    assert growth.get("hallpass_job_duration_seconds_count", job="meeting_sync") == 1
    assert read_metrics(stack).of(QUEUE).keys() >= {'job="meeting_sync"', 'job="token_upkeep"'}
    processes.end(stack, "worker")
    time_travel.of_connection(stack, "UPDATE zoom_oauth_connections SET next_sync_at = ? WHERE id = ?",
                              joiner.id, time_travel.now() - 3600 * 1_000_000)
    assert 3600 <= read_metrics(stack).get(QUEUE, job="meeting_sync") < 3700
    with processes.worker_beside(stack, "--once") as worker:
        assert worker.wait(timeout=60) == 0
    assert read_metrics(stack).get(QUEUE, job="meeting_sync") == 0
    assert growth.get(JOBS, job="meeting_sync", outcome="ok") == 2


def test_a_lease_that_ran_out_while_the_worker_was_down_counts_until_that_settles_it(private_stack):
    stack = private_stack()
    api = stack.create_project().api
    api.post(BOTS, json={"meeting_url": "https://zoom.us/j/85512345678"}).must_be(201)
    assert Runner(api).claim(lease_s=10)
    stack.down()
    time_travel.write(stack, "UPDATE bots SET lease_expires_at = lease_expires_at - 3600000000")
    stack.up()
    assert 3580 <= read_metrics(stack).get(QUEUE, job="bot_lease") < 3700
    wait_until(lambda: read_metrics(stack).get(QUEUE, job="bot_lease") == 0, 20, "the lease's end")
    assert stack.database.value("SELECT lease_expires_at FROM bots") is None


def add_webhook(project, url):
    webhook = project.api.post("/api/v1/webhooks", json={"url": url, "triggers": ["bot.state_change"]}).must_be(201)
    project.api.secrets.add("webhook secret", webhook.json["secret"], in_answers=True)
    return webhook.json


def notify(project, webhook, count=1):
    for _ in range(count):
        project.api.post(f"/api/v1/webhooks/{webhook['id']}/test").must_be(202)


def test_each_try_of_a_notification_is_counted_by_what_came_of_it(private_stack):
    stack = private_stack()
    project = stack.create_project()
    with WebhookReceiver(answers(500, 200, 410)) as receiver:
        webhook = add_webhook(project, receiver.url)
        growth = Growth(stack)
        notify(project, webhook)
        growth.wait(DELIVERIES, {'trigger="webhook.test",outcome="retry"': 1})
        assert read_metrics(stack).get(PENDING) == 1
        time_travel.write(stack, "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - 60000000")
        time_travel.write(stack, "UPDATE webhooks SET due_at = due_at - 60000000 WHERE holder IS NULL")
        time_travel.ring(stack)
        receiver.wait(2)
        notify(project, webhook)
        growth.wait(DELIVERIES, {f'trigger="webhook.test",outcome="{outcome}"': 1
                                 for outcome in ("retry", "delivered", "given_up")})
        assert read_metrics(stack).get(PENDING) == 0


def test_a_try_whose_webhook_goes_meanwhile_is_counted_as_that(private_stack):
    stack = private_stack()
    project = stack.create_project()
    began, go_on = threading.Event(), threading.Event()

    def answer(_):
        began.set()
        go_on.wait(20)
        return 200

    with WebhookReceiver(answer) as receiver:
        webhook = add_webhook(project, receiver.url)
        growth = Growth(stack)
        notify(project, webhook)
        assert began.wait(20)
        project.api.delete(f"/api/v1/webhooks/{webhook['id']}").must_be(200)
        go_on.set()
        growth.wait(DELIVERIES, {'trigger="webhook.test",outcome="webhook_removed"': 1})


def test_how_many_notifications_wait_and_for_how_long_is_seen(private_stack):
    stack = private_stack()
    project = stack.create_project()
    with WebhookReceiver() as receiver:
        webhook = add_webhook(project, receiver.url)
        processes.end(stack, "worker")
        assert (read_metrics(stack).get(PENDING), read_metrics(stack).get(QUEUE, job="webhook_delivery")) == (0, 0)
        notify(project, webhook, 3)
        time_travel.write(stack, "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - 3600000000")
        metrics = read_metrics(stack)
        assert metrics.get(PENDING) == 3 and 3600 <= metrics.get(QUEUE, job="webhook_delivery") < 3700
        with processes.worker_beside(stack, "--once") as worker:
            assert worker.wait(timeout=60) == 0
        assert (read_metrics(stack).get(PENDING), read_metrics(stack).get(QUEUE, job="webhook_delivery")) == (0, 0)


def test_uses_of_token_callbacks_are_counted_by_engine_and_by_what_came_of_them(watched, zoom):
    project = watched.create_project()
    joiner = make_joiner(watched, zoom, project.api)
    recall = TokenCallback(project.api, watched.anonymous, "recall")
    attendee = TokenCallback(project.api, watched.anonymous, "attendee", signing_secret=SIGNING_SECRET)
    growth = Growth(watched)
    recall.get("join_token_url", meeting_url=joiner.bot["meeting_url"],
               zoom_oauth_connection_id=joiner.id).must_be(200)
    recall.get("zak_url", meeting_id="85512345678").must_be(404)
    attendee.post("zoom_tokens_url", attendee_body("https://zoom.us/j/85512345678")).must_be(401)
    watched.anonymous.get(f"/callbacks/{made_up_id()}/recall/zak").must_be(404)
    growth.wait(CALLBACKS, {
        'engine="recall",address="join_token_url",outcome="minted"': 1,
        'engine="recall",address="zak_url",outcome="no_connection_for_meeting"': 1,
        'engine="attendee",address="zoom_tokens_url",outcome="invalid_signature"': 1})


def test_counts_outlive_every_process(private_stack):
    stack = private_stack()
    for _ in range(5):
        stack.anonymous.get("/health").must_be(200)
    health = {"method": "GET", "route": "/health", "status": 200}
    wait_until(lambda: read_metrics(stack).get(REQUESTS, **health) == 5, what="all to be counted")
    processes.kill(stack, "status")
    wait_until(lambda: stack.anonymous.get("/health").status == 200, what="another process")
    stack.down()
    stack.up()
    stack.anonymous = stack.api(None)
    assert read_metrics(stack).get(REQUESTS, **health) >= 6


def test_the_database_is_measured_and_a_version_told(stack):
    metrics = read_metrics(stack)
    assert metrics.get("hallpass_database_up") == 1
    assert metrics.get("hallpass_metrics_shared") == 1
    size = os.stat(stack.database.path).st_size
    assert metrics.get("hallpass_database_bytes", file="database") == pytest.approx(size, rel=0.5)
    assert metrics.get("hallpass_database_disk_free_bytes") > 0
    assert list(metrics.of("hallpass_build_info").values()) == [1]


def test_without_its_database_the_counts_are_told_all_the_same(stack, tmp_path):
    broken = tmp_path / "hallpass.db"
    broken.write_bytes(b"this is no database" * 100)
    answer = ask_status(stack, HALLPASS_DATABASE=str(broken))
    metrics = Metrics(answer.body.decode())
    assert answer.status == 200
    assert metrics.get("hallpass_database_up") == 0
    assert metrics.of("hallpass_connections") == {}
    assert metrics.get("hallpass_database_bytes", file="database") == 1900


def test_without_a_file_for_the_counts_a_process_serves_and_says_so(stack, tmp_path):
    answer = ask_status(stack, HALLPASS_DATABASE=str(tmp_path / "missing/hallpass.db"))
    assert answer.status == 200
    assert Metrics(answer.body.decode()).get("hallpass_metrics_shared") == 0


@pytest.mark.parametrize("networks, address, status", [
    ("", "127.0.0.1", 200), ("", "::1", 200), ("", "", 200), ("", "203.0.113.7", 404),
    ("", "127.0.0.11", 404), ("203.0.113.0/24", "203.0.113.7", 200), ("203.0.113.0/24", "127.0.0.1", 200),
    ("203.0.113.0/24", "203.0.114.7", 404), ("192.0.2.1 2001:db8::/32", "2001:db8::7", 200)])
def test_the_metrics_are_for_this_machine_and_for_networks_that_are_named(stack, networks, address, status):
    answer = ask_status(stack, HALLPASS_METRICS_FROM=networks, REMOTE_ADDR=address)
    assert answer.status == status


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED"])
def test_the_metrics_are_not_for_who_asks_through_another_proxy(stack, header):
    for address in "127.0.0.1", "203.0.113.7":
        answer = ask_status(stack, HALLPASS_METRICS_FROM="203.0.113.7", REMOTE_ADDR=address,
                            **{header: "for=198.51.100.7"})
        assert (answer.status, answer.code) == (404, "not_found")


def test_the_metrics_are_not_for_who_asks_nginx_through_another_proxy(anonymous):
    anonymous.get("/metrics").must_be(200)
    refused = anonymous.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"}).must_be(404)
    assert refused.code == "not_found"


def test_every_family_that_is_counted_is_told():
    """The sources name the families where they count; /metrics has to know each of them."""
    named = set()
    for file in [*(ROOT / "src").rglob("*.c")]:
        if file.name != "metrics.c":
            named |= set(re.findall(r'"(hallpass_\w+(?:_total|_seconds))"', file.read_text()))
    told = set(re.findall(r'\{"(hallpass_\w+)",', (ROOT / "src/api/metrics.c").read_text()))
    assert named == told and len(named) >= 11
