"""Whether a bot's on-behalf user is in the meeting, and bots that wait for it. Also as plain CGI."""

import pytest

from support.runner import BOTS, Runner
from support.time_travel import now, ring, write
from support.waiting import wait_until
from support.zoom_user import connect_user

LINK = "https://zoom.us/j/85512345678?pwd=abc123"
FIELDS = ("wait_for_onbehalf_user", "onbehalf_user_timeout_s")


@pytest.fixture
def api(either_api):
    return either_api


@pytest.fixture
def runner(api):
    return Runner(api)


@pytest.fixture
def scene(api, zoom):
    return Scene(api, zoom, connect_user(api, zoom))


class Scene:
    """A connected host's meeting, which is known, and another user of the app who is to be inside."""

    def __init__(self, api, zoom, host):
        self.api, self.zoom, self.host = api, zoom, host
        self.meeting = zoom.create_meeting(host.user_id, event=True)
        self.inside = connect_user(host.api, zoom, like=host, is_onbehalf_token_supported=True)

    def make(self, **fields):
        settings = {"onbehalf_token": {"zoom_oauth_connection_user_id": self.inside.user_id}}
        return self.api.post(BOTS, json={"meeting_url": self.meeting["join_url"],
                                         "zoom_settings": settings} | fields).must_be(201).json

    def make_waiting(self, **fields):
        return self.make(wait_for_onbehalf_user=True, **fields)

    def presence(self, bot):
        return self.api.post(f"{BOTS}/{bot['id']}/zoom_tokens").must_be(200).json["onbehalf_user_present"]

    def read(self, bot):
        return self.api.get(f"{BOTS}/{bot['id']}").must_be(200).json

    def start(self):
        self.zoom.start_meeting(self.meeting["id"])

    def end(self):
        self.zoom.end_meeting(self.meeting["id"])

    def join(self, user_id=None):
        return self.zoom.participant_joined(self.meeting["id"], user_id or self.inside.user_id)["session"]

    def leave(self, session=None):
        self.zoom.participant_left(self.meeting["id"], self.inside.user_id, session=session)


def run_out(stack, bot):
    """The time that the bot waits for its user."""
    assert write(stack, "UPDATE bots SET held_until = ? WHERE public_id = ? AND held_until > ?",
                 now() - 1, bot["id"], now()) == 1


def told(bot):
    return [event["type"] for event in bot["events"]]


# What zoom_tokens says

def test_nothing_is_said_of_a_user_who_was_not_asked_for(scene):
    scene.start()
    scene.join()
    bot = scene.make(zoom_settings=None)
    assert scene.presence(bot) is None


def test_nothing_is_known_before_anything_was_heard(scene):
    assert scene.presence(scene.make()) is None


def test_a_user_is_present_from_joining_to_leaving(scene):
    bot = scene.make()
    scene.start()
    scene.join()
    assert scene.presence(bot) is True
    scene.leave()
    assert scene.presence(bot) is False
    scene.join()
    assert scene.presence(bot) is True
    scene.end()
    assert scene.presence(bot) is False


def test_who_is_there_twice_is_present_until_both_are_gone(scene):
    """With two devices, or back before Zoom has missed who lost the network."""
    bot = scene.make()
    scene.start()
    first, other = scene.join(), scene.join()
    scene.leave(first)
    assert scene.presence(bot) is True
    first = scene.join()
    scene.leave(first)
    assert scene.presence(bot) is True
    scene.leave(other)
    assert scene.presence(bot) is False


def test_who_has_not_come_is_only_known_once_the_app_hears_of_those_who_do(scene):
    bot = scene.make()
    scene.start()
    assert scene.presence(bot) is None
    scene.join(scene.host.user_id)
    assert scene.presence(bot) is False
    scene.join()
    assert scene.presence(bot) is True


def test_presence_is_told_where_no_token_can_be_minted(scene):
    bot = scene.make()
    scene.start()
    scene.join()
    with scene.zoom.fault(client_id=scene.host.client_id, path="/v2/*", status=500, times=None):
        tokens = scene.api.post(f"{BOTS}/{bot['id']}/zoom_tokens").must_be(200).json
    assert (tokens["join_flow"], tokens["onbehalf_user_present"]) == ("standard", True)


def test_another_projects_events_tell_nothing(scene, other_api):
    scene.start()
    scene.join()
    other = other_api.post(BOTS, json={"meeting_url": scene.meeting["join_url"], "zoom_settings": {
        "onbehalf_token": {"zoom_oauth_connection_user_id": scene.inside.user_id}}}).must_be(201).json
    answer = other_api.post(f"{BOTS}/{other['id']}/zoom_tokens").must_be(200)
    assert answer.json["onbehalf_user_present"] is None


# Asking a bot to wait

def test_a_bot_that_waits_says_so(scene):
    bot = scene.make_waiting()
    assert [bot[field] for field in FIELDS] == [True, 600]
    assert scene.read(bot) == bot
    bot = scene.make_waiting(onbehalf_user_timeout_s=10)
    assert [bot[field] for field in FIELDS] == [True, 10]


def test_waiting_needs_somebody_to_wait_for(api):
    for fields in ({}, {"zoom_settings": None}, {"zoom_settings": {"sdk": "web"}}):
        answer = api.post(BOTS, json={"meeting_url": LINK, "wait_for_onbehalf_user": True} | fields)
        assert list(answer.must_be(400).fields) == ["wait_for_onbehalf_user"]


@pytest.mark.parametrize("fields, wrong", [
    ({"wait_for_onbehalf_user": "yes"}, "wait_for_onbehalf_user"), ({"wait_for_onbehalf_user": 1}, "wait_for_onbehalf_user"),
    ({"wait_for_onbehalf_user": True, "onbehalf_user_timeout_s": 9}, "onbehalf_user_timeout_s"),
    ({"wait_for_onbehalf_user": True, "onbehalf_user_timeout_s": 86401}, "onbehalf_user_timeout_s"),
    ({"wait_for_onbehalf_user": True, "onbehalf_user_timeout_s": "10"}, "onbehalf_user_timeout_s"),
    ({"wait_for_onbehalf_user": False, "onbehalf_user_timeout_s": 10}, "onbehalf_user_timeout_s"),
    ({"onbehalf_user_timeout_s": 10}, "onbehalf_user_timeout_s")])
def test_a_wrong_wish_is_refused(api, fields, wrong):
    answer = api.post(BOTS, json={"meeting_url": LINK, "zoom_settings": {
        "onbehalf_token": {"zoom_oauth_connection_user_id": "u1"}}} | fields)
    assert list(answer.must_be(400).fields) == [wrong]


def test_waiting_can_be_changed_before_joining(scene, runner):
    bot = scene.make_waiting(onbehalf_user_timeout_s=30)

    def change(**fields):
        changed = scene.api.patch(f"{BOTS}/{bot['id']}", json=fields).must_be(200).json
        return [changed[field] for field in FIELDS]

    assert change(bot_name="Other") == [True, 30]
    assert change(onbehalf_user_timeout_s=60) == [True, 60]
    assert change(onbehalf_user_timeout_s=None) == [True, 600]
    answer = scene.api.patch(f"{BOTS}/{bot['id']}", json={"zoom_settings": None}).must_be(400)
    assert list(answer.fields) == ["wait_for_onbehalf_user"]
    assert runner.claim() is None
    assert change(wait_for_onbehalf_user=None) == [False, None]
    assert runner.claim()["id"] == bot["id"]


# Waiting

def test_a_waiting_bot_is_handed_out_once_its_user_has_joined(scene, runner):
    bot = scene.make_waiting()
    assert runner.claim() is None
    scene.start()
    scene.join(scene.host.user_id)
    assert runner.claim() is None
    scene.join()
    assert runner.claim()["id"] == bot["id"]
    assert scene.presence(bot) is True


def test_a_bot_whose_user_is_there_already_need_not_wait(scene, runner):
    scene.start()
    scene.join()
    bot = scene.make_waiting()
    assert runner.claim()["id"] == bot["id"]


def test_a_waiting_bot_holds_up_no_other(scene, runner):
    scene.make_waiting()
    other = scene.make()
    assert runner.claim()["id"] == other["id"]
    assert runner.claim() is None


def test_a_bot_whose_user_did_not_come_fails_by_the_next_claim(scene, runner, stack):
    bot = scene.make_waiting()
    scene.start()
    scene.join()
    scene.leave()
    assert runner.claim() is None
    run_out(stack, bot)
    assert runner.claim() is None
    check_failed(scene.read(bot))


def test_a_bot_whose_user_did_not_come_fails_by_the_worker(scene, stack):
    bot = scene.make_waiting()
    scene.start()
    scene.join()
    scene.end()
    run_out(stack, bot)
    ring(stack)
    check_failed(wait_until(lambda: (read := scene.read(bot))["state"] != "ready" and read, what="the failure"))


def check_failed(bot):
    assert bot["state"] == "fatal_error"
    assert told(bot) == ["join_requested", "could_not_join_meeting"]
    assert bot["events"][-1]["sub_type"] == "authorized_user_not_in_meeting_timeout_exceeded"


def test_a_bot_of_whose_user_nothing_is_known_is_handed_out_after_all(scene, runner, stack):
    bot = scene.make_waiting()
    run_out(stack, bot)
    assert runner.claim()["id"] == bot["id"]
    assert told(runner.bot) == ["join_requested"]


def test_the_worker_lets_go_of_a_bot_of_whose_user_nothing_is_known(scene, stack):
    bot = scene.make_waiting()
    run_out(stack, bot)
    ring(stack)
    wait_until(lambda: stack.database.value("SELECT held_until FROM bots WHERE public_id = ?", bot["id"]) is None,
               what="the end of the wait")
    assert scene.read(bot)["state"] == "ready"


# What a failure to join says of the connection

@pytest.fixture
def failed(scene, runner):
    """A bot that was handed out and cannot join, told with a sub-type."""
    def failed(sub_type):
        bot = scene.make(zoom_settings=None)
        assert runner.claim()["id"] == bot["id"]
        return runner.tell("could_not_join_meeting", sub_type).must_be(200).json
    return failed


def refreshes(scene):
    return scene.zoom.count_requests(client_id=scene.host.client_id, grant_type="refresh_token")


@pytest.mark.parametrize("sub_type", ["zoom_authorization_failed", "login_required",
                                      "zoom_app_cannot_join_anonymously",
                                      "authorized_user_not_in_meeting_timeout_exceeded"])
def test_a_bot_that_zoom_did_not_let_in_has_its_connection_asked_after(scene, failed, sub_type):
    failed(sub_type)
    wait_until(lambda: refreshes(scene) == 1, what="the probe")
    assert scene.host.read()["state"] == "connected"


def test_a_connection_that_turns_out_to_be_dead_is_disconnected(scene, failed):
    scene.zoom.remove_grant(scene.host.client_id, scene.host.user_id, event=False)
    failed("zoom_authorization_failed")
    wait_until(lambda: scene.host.read()["state"] == "disconnected", what="the disconnect")
    assert scene.host.read()["connection_failure_data"]["code"] == "invalid_grant"


def test_other_failures_say_nothing_of_the_connection(scene, failed, stack):
    def next_refresh():
        return stack.database.value(
            "SELECT next_refresh_at FROM zoom_oauth_credentials t JOIN zoom_oauth_connections c"
            " ON c.id = t.connection_id WHERE c.public_id = ?", scene.host.id)

    before = next_refresh()
    assert failed("meeting_not_found")["state"] == "fatal_error"
    assert next_refresh() == before and refreshes(scene) == 0
