"""A responder that nobody has asked for idle_exit_s ends, and whoever comes then is served by the next one."""

import contextlib
import json
import os
import random
import threading
import time

import pytest

from support.fastcgi import KeptConnection
from support.joiner import make_joiner
from support.processes import end
from support.stack import BUILD
from support.supervisor import OnDemand
from support.waiting import wait_until

IDLE_S = 1
PROGRAMS = sorted(program.name for program in (BUILD / "cgi-bin").iterdir())
PATHS = {"bots": "/api/v1/bots", "status": "/health", "token_callbacks": "/api/v1/token_callbacks",
         "webhooks": "/api/v1/webhooks", "zoom_oauth_apps": "/api/v1/zoom_oauth_apps",
         "zoom_oauth_connections": "/api/v1/zoom_oauth_connections"}
LANES, ROUNDS = 16, 8
EDGE_S = 0.03  # before and after the end
NARROWING, WIDENING = 0.5, 1.5  # of the step towards it, which is as long as the machine is busy


def on_demand(stack, program, name=None, idle_s=IDLE_S, **settings):
    return OnDemand(stack, name or program, [BUILD / "cgi-bin" / program], HALLPASS_IDLE_EXIT_S=str(idle_s), **settings)


def messages(file):
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


@pytest.fixture
def stack(private_stack):
    return private_stack()


def wait_for_end(supervisor, after=0):
    wait_until(lambda: len(supervisor.statuses) > after, what="the end of the program")
    assert set(supervisor.statuses) == {0}


def test_it_ends_in_order_when_it_is_idle_and_the_next_request_starts_another(stack):
    end(stack, "bots")
    api = stack.create_project().api
    with on_demand(stack, "bots") as bots:
        asked_at = time.monotonic()
        api.get("/api/v1/bots").must_be(200)
        wait_for_end(bots)
        assert time.monotonic() - asked_at > IDLE_S
        api.get("/api/v1/bots").must_be(200)
    told = [each for each in messages(bots.log) if each["message"] == "ends, idle"]
    assert [(each["level"], each["program"], each["idle_exit_s"]) for each in told] == [
        ("info", "bots", IDLE_S)] * len(bots.statuses)


def test_without_the_setting_it_stays(stack):
    lasting, brief = OnDemand(stack, "lasting", [BUILD / "cgi-bin/status"]), on_demand(stack, "status", "brief")
    with lasting, brief:
        for each in lasting, brief:
            with KeptConnection(each.path) as connection:
                assert connection.get("/health") == 200
        pid = lasting.pid()
        wait_for_end(brief)
        assert lasting.pid() == pid and lasting.statuses == []


def test_a_connection_that_is_kept_open_keeps_it(stack):
    with on_demand(stack, "status", "kept") as kept, on_demand(stack, "status", "brief") as brief:
        with KeptConnection(kept.path) as connection:
            assert connection.get("/health") == 200
            pid = kept.pid()
            for ends in range(2):
                with KeptConnection(brief.path) as other:
                    assert other.get("/health") == 200
                wait_for_end(brief, ends)
            assert connection.get("/health") == 200
            assert kept.pid() == pid and kept.statuses == []
        wait_for_end(kept)


def test_a_request_that_takes_longer_than_that_is_answered(stack, zoom):
    """The program waits for Zoom, and has nothing else to do meanwhile."""
    end(stack, "zoom_oauth_apps")
    api, app = stack.create_project().api, zoom.create_app()
    zoom.add_fault(client_id=app["client_id"], path="/oauth/token", delay_ms=2500 * IDLE_S)
    with on_demand(stack, "zoom_oauth_apps") as apps:
        api.post("/api/v1/zoom_oauth_apps", json={"client_id": app["client_id"],
                                                  "client_secret": app["client_secret"]}).must_be(201)
        wait_for_end(apps)
        assert apps.statuses == [0]


def test_a_refresh_that_nobody_waits_for_keeps_it_so_that_nobody_waits_for_the_next_program(stack, zoom):
    """The bot has had its answer, the refresh has not: it could end only when that is stored, and serves until then."""
    joiner = make_joiner(stack, zoom, stack.create_project().api)
    end(stack, "bots")
    with (on_demand(stack, "bots", HALLPASS_ZOOM_TIMEOUT_MS="6000") as bots,
          joiner.refusal_that_comes_late(2800, hold="after") as release):
        assert joiner.zoom_tokens()["join_flow_reason"] == "timeout"
        pid = bots.pid()
        time.sleep(IDLE_S + 0.4)  # it would be idle else
        assert joiner.refreshes(state="in_flight") == 1
        started = time.monotonic()
        joiner.api.get("/api/v1/bots").must_be(200)
        assert time.monotonic() - started < 0.7 and bots.pid() == pid
        release()
        wait_for_end(bots)
        assert joiner.joins()
    assert joiner.refreshes() == 1


def test_who_starts_to_send_keeps_it_though_nothing_is_complete(stack):
    with on_demand(stack, "status", "slow") as slow, on_demand(stack, "status", "brief") as brief:
        with KeptConnection(slow.path) as connection:
            request = connection.request("/health", b"", {}, "GET")
            connection.socket.sendall(request[:9])
            with KeptConnection(brief.path) as other:
                assert other.get("/health") == 200
            wait_for_end(brief)
            connection.socket.sendall(request[9:])
            assert connection.read_status() == 200
        wait_for_end(slow)


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_hangs_up_in_any_way_does_not_keep_it_from_ending(program, stack):
    with on_demand(stack, program, "test") as supervisor:
        for times in range(3):
            with KeptConnection(supervisor.path):
                pass
            with KeptConnection(supervisor.path) as connection:
                connection.hang_up_within("/health", b"{}", {})
            with KeptConnection(supervisor.path) as connection:
                connection.send("/health", b"{}", {})
            wait_for_end(supervisor, times)


def test_a_database_is_left_closed_behind(stack):
    """Whoever ends last takes the WAL with it, which only an orderly end does."""
    for program in [*PROGRAMS, "worker"]:
        end(stack, program)
    with on_demand(stack, "bots", HALLPASS_THREADS="8") as bots:
        stack.create_project()
        with KeptConnection(bots.path) as connection:
            assert connection.get("/api/v1/bots") == 401
            assert os.path.exists(f"{stack.database.path}-wal")
        wait_for_end(bots)
        assert not os.path.exists(f"{stack.database.path}-wal")


def visits_about_the_end(supervisor, dice, failures):
    """Each some ms before or after the program ends, by what the visits so far have taught of that."""
    delay, step, was_late = IDLE_S, EDGE_S / 4, None
    for _ in range(ROUNDS):
        ends = len(supervisor.statuses)
        try:
            with KeptConnection(supervisor.path) as connection:
                assert connection.get("/health") == 200
        except (OSError, AssertionError) as error:
            failures.append(error)
            return
        # The moment is what this is about: there is no condition to wait for.
        time.sleep(delay + dice.uniform(-EDGE_S, EDGE_S))
        is_late = len(supervisor.statuses) > ends
        step *= WIDENING if is_late == was_late else NARROWING if was_late is not None else 1
        delay += -step if is_late else step
        was_late = is_late


def test_nobody_is_lost_who_comes_just_when_it_ends(stack):
    failures = []
    with contextlib.ExitStack() as at_end:
        lanes = [at_end.enter_context(on_demand(stack, "status", f"lane{number}")) for number in range(LANES)]
        clients = [threading.Thread(target=visits_about_the_end, args=(lane, random.Random(number), failures))
                   for number, lane in enumerate(lanes)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(240)
        ends = [len(lane.statuses) for lane in lanes]
    assert failures == []
    assert {status for lane in lanes for status in lane.statuses} == {0}
    # Some came before an end, others after one.
    assert 0 < sum(ends) < LANES * ROUNDS
