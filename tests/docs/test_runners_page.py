"""docs/runners.md: its runner, word for word, and whether its tables are complete."""

import os
import re
import subprocess
from contextlib import contextmanager

import pytest
import yaml

from support.api_description import FILE
from support.page import programs, read, save
from support.time_travel import now, write
from support.waiting import wait_until

PAGE = "runners.md"
BOTS = "/api/v1/bots"


@pytest.fixture
def start(api, tmp_path):
    """`start()`: the page's runner in a process of its own, with the page's program, or with another one."""
    runner, attend = (save(text, tmp_path / name)
                      for text, name in zip(programs(PAGE, "bash"), ("runner", "attend")))

    @contextmanager
    def start(program=None, **variables):
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HALLPASS": api.url, "KEY": api.key,
                       "PAUSE_S": "0.1", "BEAT_S": "0.2", "MEETING_S": "60"}
        if program is not None:
            program = save(f"#!/bin/bash\n{program}", tmp_path / "program")
        with subprocess.Popen([runner, program or attend], env=environment | variables, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.told = process.communicate(timeout=60)[1]
        assert process.returncode == 0, process.told
        assert not list(tmp_path.glob("tmp.*")), "the runner left its folder"

    return start


def make(api, **fields):
    link = "https://zoom.us/j/85512345678?pwd=abc123"
    return api.post(BOTS, json={"meeting_url": link, "bot_name": "Ada's \"ears\""} | fields).must_be(201).json


def read_bot(api, bot):
    return api.get(f"{BOTS}/{bot['id']}").must_be(200).json


def wait_for_state(api, bot, state):
    wait_until(lambda: read_bot(api, bot)["state"] == state, what=f"the state {state}")
    return read_bot(api, bot)


def told(bot):
    return ["/".join(filter(None, (event["type"], event["sub_type"]))) for event in bot["events"]]


def test_its_runner_takes_one_bot_after_the_other_through_a_meeting(api, start, connect_user, zoom):
    host = connect_user()
    meeting = zoom.create_meeting(host.user_id, event=True)
    bots = [make(api, meeting_url=meeting["join_url"]), make(api)]
    with start(MEETING_S="0.1") as runner:
        for bot in bots:
            ended = wait_for_state(api, bot, "ended")
            assert told(ended) == ["join_requested", "joined_meeting", "recording_permission_granted",
                                   "meeting_ended", "post_processing_completed"]
            assert ended["recording_state"] == "complete"
    assert re.findall(r'^Ada\'s "ears" joins (\S+) by the (\w+) flow$', runner.told, re.MULTILINE) == [
        (bots[0]["meeting_url"], "token"), (bots[1]["meeting_url"], "standard")]


def test_its_runner_lives_as_long_as_the_bot_does(api, start, stack):
    bot = make(api)
    with start():
        wait_for_state(api, bot, "joined_recording")
        soon = now() + 5_000_000
        assert write(stack, "UPDATE bots SET lease_expires_at = ? WHERE public_id = ?", soon, bot["id"]) == 1
        wait_until(lambda: stack.database.value("SELECT lease_expires_at FROM bots WHERE public_id = ?",
                                                bot["id"]) > soon, what="a heartbeat")


def test_its_runner_leaves_when_the_bot_is_called_back(api, start):
    bot = make(api)
    with start() as runner:
        wait_for_state(api, bot, "joined_recording")
        api.post(f"{BOTS}/{bot['id']}/leave").must_be(200)
        left = wait_for_state(api, bot, "ended")
    assert told(left)[3:] == ["leave_requested/user_requested", "left_meeting", "post_processing_completed"]
    assert "cannot happen" not in runner.told


def test_its_runner_leaves_the_meeting_when_it_is_stopped(api, start):
    bot = make(api)
    with start():
        wait_for_state(api, bot, "joined_recording")
    assert told(read_bot(api, bot))[3:] == [
        "leave_requested/user_requested", "left_meeting", "post_processing_completed"]


def test_its_runner_stops_working_on_a_bot_that_is_another_runners(api, start, stack, tmp_path):
    bot = make(api)
    program = f'trap "touch {tmp_path}/left; exit" TERM; while :; do sleep 0.1; done'
    with start(program):
        wait_for_state(api, bot, "joining")
        write(stack, "UPDATE bots SET lease_token_sha256 = x'00' WHERE public_id = ?", bot["id"])
        wait_until((tmp_path / "left").exists, what="the program's end")


def test_its_runner_tells_of_a_program_that_breaks_down(api, start):
    bots = [make(api), make(api)]
    with start("echo joined_meeting; exit 3"):
        for bot in bots:
            assert told(wait_for_state(api, bot, "fatal_error"))[1:] == [
                "joined_meeting", "fatal_error/process_terminated"]


def test_its_runner_passes_on_why_a_bot_could_not_join(api, start):
    bot = make(api)
    with start("echo could_not_join_meeting meeting_not_found"):
        assert told(wait_for_state(api, bot, "fatal_error"))[1:] == ["could_not_join_meeting/meeting_not_found"]


def test_its_runner_says_what_hallpass_refuses_and_goes_on(api, start):
    bot = make(api)
    with start("echo left_meeting; echo dancing; echo meeting_ended; echo post_processing_completed") as runner:
        assert told(wait_for_state(api, bot, "ended"))[1:] == ["meeting_ended", "post_processing_completed"]
    assert "left_meeting cannot happen to the bot now: its state is 'joining'" in runner.told
    assert "type must be one of: could_not_join_meeting" in runner.told


def test_its_program_can_ask_for_tokens_anew(api, start, connect_user, zoom, tmp_path):
    bot = make(api, meeting_url=zoom.create_meeting(connect_user().user_id, event=True)["join_url"])
    program = ('curl -sS -X POST -H "Authorization: Token $KEY" "$HALLPASS/api/v1/bots/$id/zoom_tokens"'
               f" >{tmp_path}/tokens && echo could_not_join_meeting blocked_by_captcha")
    with start(program):
        wait_for_state(api, bot, "fatal_error")
    assert '"join_flow":"token"' in (tmp_path / "tokens").read_text()


def test_its_programs_are_what_shellcheck_likes(tmp_path):
    for number, text in enumerate(programs(PAGE, "bash")):
        subprocess.run(["shellcheck", save(text, tmp_path / str(number))], check=True)


def test_its_lists_are_complete():
    schemas = yaml.safe_load(FILE.read_text())["components"]["schemas"]
    text = read(PAGE)
    for type in schemas["RunnerEventType"]["enum"]:
        assert re.search(rf"^\| .*`{type}`.* \|.*\|.*\|$", text, re.MULTILINE), type
    for type, name in {"could_not_join_meeting": "CouldNotJoinSubType", "fatal_error": "FatalErrorSubType",
                       "leave_requested": "LeaveRequestedSubType",
                       "recording_permission_denied": "PermissionDeniedSubType"}.items():
        listed = re.search(rf"^- `{type}`: ((?:.|\n  )*)$", text, re.MULTILINE)[1]
        assert re.findall(r"`(\w+)`", listed) == schemas[name]["enum"]
