"""A process is killed while a connection ends: refused by Zoom, or deleted by the customer."""

import pytest

from kill_points import REFRESHERS, come_back, in_background, kill_at, kill_held, prove
from outcomes import GONE, KEPT
from support import time_travel
from support.processes import kill
from support.waiting import wait_until

POINTS = {
    "refresh.refused": "Zoom has refused",
    "refresh.recording": "the disconnect is being committed",
    "refresh.recorded": "the disconnect is committed",
}
SHORT = {("refresh.recording", "bots"), ("refresh.refused", "worker")}


class Consequences:
    """What a disconnect brings with it beside the connection's own state: all of it or nothing."""

    def __init__(self, joiner):
        self.api, self.joiner = joiner.api, joiner
        webhook = joiner.api.post("/api/v1/webhooks", json={
            "url": "http://127.0.0.1:9/", "triggers": ["zoom_oauth_connection.state_change"]})
        joiner.stack.secrets.add("webhook secret", webhook.must_be(201).json["secret"], in_answers=True)
        self.deliveries = f"/api/v1/webhooks/{webhook.json['id']}/deliveries"

    def read(self):
        bot = self.api.get(f"/api/v1/bots/{self.joiner.bot['id']}").must_be(200).json
        log = self.api.get(f"/api/v1/zoom_oauth_connections/{self.joiner.id}/log").must_be(200).json
        return {"notifications": len(self.api.get(self.deliveries).must_be(200).json["results"]),
                "log": len([entry for entry in log["results"] if entry["type"] == "disconnected"]),
                "bot": bot["join_flow_reason"]}


NONE = {"notifications": 0, "log": 0, "bot": None}
ALL_ONCE = {"notifications": 1, "log": 1, "bot": "connection_disconnected"}


def is_told_once(joiner):
    """Disconnected with all that belongs to it, and for good: Zoom is not asked again."""
    read = wait_until(lambda: (read := joiner.read())["state"] == "disconnected" and read,
                      what="the disconnect")
    assert read["connection_failure_data"]["code"] in ("invalid_grant", "refresh_interrupted")
    asked = joiner.refreshes()
    assert joiner.zoom_tokens()["join_flow_reason"] == "connection_disconnected"
    assert joiner.refreshes() == asked
    assert joiner.read() == read
    return True


@pytest.mark.parametrize("point, process", [
    pytest.param(point, process, marks=[pytest.mark.short] if (point, process) in SHORT else [])
    for point in POINTS for process in REFRESHERS])
def test_a_process_that_dies_in_a_disconnect_leaves_it_whole_or_undone(
        stack, zoom, failpoint, joiner, row, point, process):
    end = row("disconnect", POINTS[point], point, process)
    consequences = Consequences(joiner)
    time_travel.expire_access_token(stack, joiner.id)
    zoom.remove_grant(**joiner.who, event=False)
    kill_at(failpoint, point, lambda: REFRESHERS[process](joiner))
    state = joiner.read()
    assert (state["state"] == "disconnected") == (point == "refresh.recorded")
    assert (state["connection_failure_data"] is None) == (state["state"] == "connected")
    assert consequences.read() == (NONE if state["state"] == "connected" else ALL_ONCE)
    wait_until(lambda: joiner.zoom_tokens()["join_flow_reason"] == "connection_disconnected",
               timeout=20)
    assert is_told_once(joiner)
    assert consequences.read() == ALL_ONCE
    if point == "refresh.recorded":
        assert joiner.read()["connection_failure_data"]["code"] == "invalid_grant"
    come_back(joiner)
    assert prove(joiner) == KEPT
    end(GONE)


def test_a_process_that_is_killed_while_zoom_refuses_leaves_the_disconnect_to_the_next(
        stack, zoom, joiner, row):
    end = row("disconnect", "Zoom is refusing", "from outside", "bots")
    time_travel.expire_access_token(stack, joiner.id)
    zoom.remove_grant(**joiner.who, event=False)
    kill_held(stack, zoom, "bots", lambda: REFRESHERS["bots"](joiner),
              {"path": "/oauth/token", "grant_type": "refresh_token", "hold": "after"}, **joiner.who)
    assert joiner.read()["state"] == "connected"
    assert joiner.zoom_tokens()["join_flow_reason"] == "connection_disconnected"
    assert is_told_once(joiner)
    come_back(joiner)
    end(GONE)


def delete(joiner):
    return joiner.api.delete(f"/api/v1/zoom_oauth_connections/{joiner.id}")


def test_a_deletion_that_is_cut_off_is_done_by_the_next(stack, zoom, failpoint, joiner, row):
    end = row("delete", "Zoom has revoked", "deletion.revoked", "zoom_oauth_connections")
    kill_at(failpoint, "deletion.revoked", lambda: delete(joiner))
    assert not joiner.connected.grant()["living"]
    assert joiner.read()["id"] == joiner.id
    delete(joiner).must_be(200)
    delete(joiner).must_be(404)
    end(GONE)


def test_a_deletion_that_is_cut_off_at_zoom_is_done_by_the_next(stack, zoom, joiner, row):
    end = row("delete", "Zoom is being asked to revoke", "from outside", "zoom_oauth_connections")
    with zoom.fault(path="/oauth/revoke", hold="after", client_id=joiner.who["client_id"]):
        with in_background(lambda: delete(joiner)):
            zoom.wait_for_requests(1, path="/oauth/revoke", state="in_flight",
                                   client_id=joiner.who["client_id"])
            kill(stack, "zoom_oauth_connections")
    assert joiner.read()["id"] == joiner.id
    delete(joiner).must_be(200)
    end(GONE)
