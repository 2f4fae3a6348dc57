"""A connected user at rest, with a bot that joins a meeting of theirs."""

from contextlib import contextmanager

from .waiting import wait_until
from .zoom_user import connect_user

JOIN_TOKEN = "/v2/meetings/*/jointoken/*"


class Joiner:
    """`connected` is a ConnectedUser of the stack, `client_id` and `user_id` narrow the simulator's log."""

    def __init__(self, stack, zoom, connected):
        self.stack, self.zoom, self.connected = stack, zoom, connected
        self.api, self.id = connected.api, connected.id
        self.who = {"client_id": connected.client_id, "user_id": connected.user_id}
        self.meeting = zoom.create_meeting(connected.user_id)
        self.bot = self.api.post("/api/v1/bots", json={
            "meeting_url": self.meeting["join_url"],
            "zoom_oauth_connection_id": connected.id}).must_be(201).json

    def zoom_tokens(self):
        return self.api.post(f"/api/v1/bots/{self.bot['id']}/zoom_tokens").must_be(200).json

    def joins(self):
        return self.zoom_tokens()["join_flow"] == "token"

    def refresh(self):
        return self.api.post(f"/api/v1/zoom_oauth_connections/{self.id}/refresh")

    def read(self):
        return self.connected.read()

    def refreshes(self, **filters):
        """How many refreshes Zoom has been asked for."""
        return self.zoom.count_requests(grant_type="refresh_token", **self.who, **filters)

    def spoil_refresh(self, **fault):
        """A fault of Zoom's that hits the refreshes of this user."""
        return self.zoom.fault(path="/oauth/token", grant_type="refresh_token", **self.who, **fault)

    def wait_for_refresh_under_way(self):
        self.zoom.wait_for_requests(1, grant_type="refresh_token", state="in_flight", **self.who)

    def expire_at_zoom(self):
        """Zoom's API takes the access token no more, while we still think it good."""
        assert self.zoom.expire_access_tokens(**self.who) > 0

    @contextmanager
    def refusal_that_comes_late(self, after_ms, **refresh_fault):
        """
        Zoom refuses the access token after so long, and then the refresh that follows has that fault. Gives what
        ends a hold of it.
        """
        self.expire_at_zoom()
        with (self.zoom.fault(path=JOIN_TOKEN, delay_ms=after_ms, **self.who),
              self.spoil_refresh(**refresh_fault) as fault):
            yield lambda: self.zoom.release_fault(fault["id"])

    def wait_for_refresh_after(self, refreshed_at):
        """For one to be stored since then, as last_token_refresh_at tells it."""
        wait_until(lambda: self.read()["last_token_refresh_at"] != refreshed_at, what="the refresh on the disk")


def make_joiner(stack, zoom, api, **arguments):
    """Returns once the sync that follows the authorization is done, so that nothing else calls Zoom."""
    connected = connect_user(api, zoom, **arguments)
    connected.wait_for_sync()
    return Joiner(stack, zoom, connected)
