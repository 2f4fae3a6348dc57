"""The worker finds that a user is gone in the instant between another process's storing of new tokens and their use."""

import pytest

from kill_points import in_background
from support.failpoint import Failpoint
from support.joiner import make_joiner
from support.waiting import wait_until
from support.zoom_event import deliver, user_event


@pytest.mark.short
def test_who_asked_for_the_tokens_asks_zoom_no_second_time(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=20000)
    joiner, failpoint = make_joiner(stack, zoom, stack.create_project().api), Failpoint(stack.directory)
    connected = joiner.connected
    with joiner.spoil_refresh(hold="after") as fault, in_background(joiner.refresh) as asked:
        wait_until(lambda: connected.grant()["refreshes"] == 1, what="Zoom's success")
        zoom.remove_grant(**joiner.who, event=False)
        deliver(stack.anonymous, f"/api/v1/zoom_oauth/webhooks/{connected.app_id}",
                user_event("user.deactivated", connected.user), connected.app["webhook_secret"]).must_be(200)
        failpoint.arm("refresh.stored", "pause")
        zoom.release_fault(fault["id"])
        failpoint.wait()
        wait_until(lambda: joiner.refreshes(status=400) == 1, what="the worker's question")
        wait_until(lambda: stack.database.value(
            "SELECT access_token IS NULL AND next_refresh_at IS NULL FROM zoom_oauth_credentials"
            " JOIN zoom_oauth_connections ON id = connection_id WHERE public_id = ?", joiner.id),
            what="the end of the tokens")
        failpoint.let_go()
        assert asked.result(timeout=30).must_be(200).json["state"] == "disconnected"
    assert joiner.refreshes() == 2
