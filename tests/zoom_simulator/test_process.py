import os
import signal
import socket
import subprocess
import sys
import threading
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest

from .client import ZoomSimulator
from .conftest import Tenant, http_call

FOLDER = os.path.dirname(os.path.abspath(__file__))


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, FOLDER, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_and_ends_quietly(stop):
    process = start("--port", "0")
    line = process.stdout.readline()
    assert line.startswith("ready http://127.0.0.1:")
    assert http_call(line.split()[1] + "/_simulator/health").json == {"ok": True}
    process.send_signal(stop)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_taken_port_is_one_line_of_complaint():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        output, complaint = process.communicate(timeout=10)
    assert process.returncode == 1 and output == ""
    assert complaint.count("\n") == 1 and "cannot listen" in complaint


def test_it_ends_with_the_program_that_started_it():
    process = start("--until-stdin-closes", stdin=subprocess.PIPE)
    assert process.stdout.readline().startswith("ready ")
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
    process.stderr.close()


def test_five_hundred_requests_at_once_are_answered(zoom):
    tenant = Tenant(zoom)
    users = zoom.create_users(500)
    codes = [zoom.authorize(tenant.client_id, user["id"])["code"] for user in users]
    answers, together = [], threading.Barrier(len(codes))

    def exchange(code):
        together.wait()
        answers.append(tenant.exchange(code).status)

    callers = [threading.Thread(target=exchange, args=(code,)) for code in codes]
    for each in callers:
        each.start()
    for each in callers:
        each.join(30)
    assert answers == [200] * 500


def test_of_many_refreshes_with_one_token_exactly_one_wins(zoom):
    tenant = Tenant(zoom)
    token = tenant.connect()["refresh_token"]
    statuses, together = [], threading.Barrier(30)

    def refresh():
        together.wait()
        statuses.append(tenant.refresh(token).status)

    callers = [threading.Thread(target=refresh) for _ in range(30)]
    for each in callers:
        each.start()
    for each in callers:
        each.join(30)
    assert sorted(statuses) == [200] + [400] * 29


def raw(zoom, data, until=b"}"):
    """Send bytes as they are; what came back until the connection closed or ended in `until`.
    A None among them waits for an interim answer first."""
    parts = urlsplit(zoom.url)
    answer = b""
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        for each in data:
            if each is None:
                answer += connection.recv(65536)
            else:
                connection.sendall(each)
        while not answer.endswith(until):
            received = connection.recv(65536)
            if not received:
                break
            answer += received
    return answer


def test_connections_are_kept_and_requests_may_be_pipelined_or_come_in_pieces(zoom):
    request = b"GET /_simulator/health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = raw(zoom, [request * 2 + request[:20], request[20:-1], request[-1:]
                        + request.replace(b"Host: x", b"Connection: close")], until=b"never")
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert answer.count(b"Connection: close") == 1


def test_an_answer_has_the_time(zoom):
    date = http_call(f"{zoom.url}/v2/users/me").headers["date"]
    assert date.endswith(" GMT") and abs(time.time() - parsedate_to_datetime(date).timestamp()) < 5


def test_chunked_bodies_and_expect_100_are_understood(zoom):
    head = b"POST /_simulator/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    answer = raw(zoom, [head + b"Expect: 100-continue\r\n\r\n", None,
                        b'4\r\n{"em\r\nd;x=y\r\nail":"a@b.c"}\r\n0\r\n\r\n'])
    assert b"HTTP/1.1 100 Continue" in answer and b'"email":"a@b.c"' in answer


@pytest.mark.parametrize("junk", [b"junk\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                                  b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n"])
def test_malformed_requests_are_400_and_end_the_connection(zoom, junk):
    assert raw(zoom, [junk], until=b"never").startswith(b"HTTP/1.1 400")


def test_resetting_one_app_leaves_the_others(zoom):
    one, other = Tenant(zoom), Tenant(zoom)
    one.connect()
    token = other.connect()["access_token"]
    zoom.add_fault(client_id=one.client_id, status=500)
    zoom.reset(one.client_id)
    assert zoom.grants(one.client_id) == [] and zoom.faults(one.client_id) == []
    assert zoom.count_requests(client_id=one.client_id) == 0
    assert other.get("/users/me", token).status == 200


def test_resetting_everything_leaves_nothing():
    with ZoomSimulator.start() as zoom:
        tenant = Tenant(zoom)
        token = tenant.connect()["access_token"]
        zoom.change_settings(event_timeout_s=1)
        zoom.reset()
        assert tenant.get("/users/me", token).status == 401
        assert zoom.grants() == [] and zoom.settings()["event_timeout_s"] == 3
        assert ZoomSimulator.connect(zoom.url).count_requests() == 1
