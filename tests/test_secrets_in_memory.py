"""Plain secrets do not stay in memory after their use, and no core dump would hold one."""

import base64
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
def test_encryption_keys_are_only_where_no_core_dump_looks(stack, zoom, api, program):
    if program in REFRESHERS:
        joiner = make_joiner(stack, zoom, api)
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
