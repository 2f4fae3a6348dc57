"""Plain secrets do not stay in memory after their use, and no core dump would hold one."""

import base64
import os
import re
import resource
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.memory import find_in
from support.processes import pids_of
from support.stack import BUILD
from support.waiting import wait_until

RESPONDERS = sorted(file.name for file in (BUILD / "cgi-bin").iterdir())

# What makes a program refresh the tokens of a user.
REFRESHERS = {
    "bots": lambda joiner: joiner.zoom_tokens(),
    "zoom_oauth_connections": lambda joiner: joiner.refresh().must_be(200),
    "worker": lambda joiner: time_travel.run_upkeep(joiner.stack, joiner.id),
}


@pytest.mark.parametrize("program", REFRESHERS)
def test_what_zoom_is_told_and_tells_is_wiped_after_the_call(stack, zoom, api, program):
    joiner = make_joiner(stack, zoom, api)
    (pid,) = pids_of(stack, program)
    app = zoom.app(joiner.connected.client_id)
    client = base64.b64encode(f"{app['client_id']}:{app['client_secret']}".encode())
    sent = joiner.connected.grant()["refresh_token"].encode()
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="before") as fault, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(REFRESHERS[program], joiner)
        joiner.wait_for_refresh_under_way()
        assert find_in(pid, sent) and find_in(pid, client), "this test does not find what is there"
        zoom.release_fault(fault["id"])
        asked.result()
    grant = joiner.connected.grant()
    access_tokens = [each["token"].encode() for each in grant["access_tokens"]]
    assert grant["refresh_token"].encode() != sent and len(access_tokens) == 2
    for secret in sent, client, grant["refresh_token"].encode(), *access_tokens:
        wait_until(lambda: not find_in(pid, secret), what="the wiping after the answer")


@pytest.mark.parametrize("program", [*RESPONDERS, "worker"])
def test_encryption_keys_are_only_where_no_core_dump_looks(private_stack, zoom, program):
    stack = private_stack()  # where no key is rotated, which an idle process would not know of
    if program in REFRESHERS:
        joiner = make_joiner(stack, zoom, stack.create_project().api)
        time_travel.expire_access_token(stack, joiner.id)
        REFRESHERS[program](joiner)
    lines = (stack.directory / "encryption.keys").read_text().splitlines()
    keys = [line for line in lines if not line.startswith("#")]
    assert keys
    for pid in pids_of(stack, program):
        for key in keys:
            assert not find_in(pid, key.encode())
            places = find_in(pid, base64.b64decode(key))
            assert places and all("dd" in place.flags for place in places), places


# No core dump


def has_no_core_dump(process):
    with open(f"/proc/{process.pid}/limits") as limits:
        return re.search(r"^Max core file size +0 +0 ", limits.read(), re.MULTILINE)


def start_with_core_dumps(program, *arguments, **settings):
    """As a system does that wants them, which scripts/stack does not."""
    environment = {"PATH": os.environ["PATH"]} | settings.pop("environment")
    return subprocess.Popen(["prlimit", "--core=1048576:1048576", BUILD / program, *arguments],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, **settings)


@pytest.fixture
def may_have_core_dumps():
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 and os.geteuid() != 0:
        pytest.skip("core dumps are forbidden here, whatever a program does")


@pytest.mark.parametrize("program", [*(f"cgi-bin/{name}" for name in RESPONDERS), "bin/hallpass-worker"])
def test_no_program_that_serves_leaves_a_core_dump(stack, tmp_path, may_have_core_dumps, program):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(tmp_path / "socket"))
        listener.listen()
        with start_with_core_dumps(program, stdin=listener,
                                   environment={"HALLPASS_CONFIG": str(stack.config)}) as process:
            try:
                wait_until(lambda: has_no_core_dump(process), what="the limit's being 0")
            finally:
                process.kill()


def test_no_command_leaves_a_core_dump(stack, may_have_core_dumps):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {"HALLPASS_CONFIG": str(stack.config),
                       "HALLPASS_ZOOM_OAUTH_URL": "http://127.0.0.1:%d" % silent.getsockname()[1]}
        with start_with_core_dumps("bin/hallpass", "doctor", stdin=subprocess.DEVNULL,
                                   environment=environment) as process:
            try:
                silent.settimeout(20)
                silent.accept()  # so that it has begun, and waits for Zoom
                assert has_no_core_dump(process)
            finally:
                process.kill()
