"""A runner as the tests play it: it has one bot at a time on lease."""

import itertools
import threading

BOTS = "/api/v1/bots"
NUMBERS, LOCK = itertools.count(1), threading.Lock()


class Runner:
    def __init__(self, api, name=None):
        with LOCK:
            self.name = name or f"runner-{next(NUMBERS)}"
        self.api, self.bot, self.token = api, None, None

    def claim(self, **fields):
        """The bot, or None where none is due."""
        answer = self.api.post(f"{BOTS}/claim", json={"runner_id": self.name} | fields)
        if answer.status == 204:
            assert answer.body == b""
            return None
        claimed = answer.must_be(200).json
        assert list(claimed) == ["bot", "lease_token", "lease_expires_at"]
        self.bot, self.token = claimed["bot"], claimed["lease_token"]
        if self.api.secrets:
            self.api.secrets.add("lease token", self.token, in_answers=True)
        return self.bot

    def heartbeat(self, **fields):
        return self.post("heartbeat", **fields)

    def tell(self, type, sub_type=None, **fields):
        """The whole answer, good or not."""
        if sub_type:
            fields["sub_type"] = sub_type
        return self.post("events", type=type, **fields)

    def go(self, *types):
        """Tells of these events; the bot after the last of them."""
        for type in types:
            self.bot = self.tell(*type.split("/")).must_be(200).json
        return self.bot

    def post(self, what, **fields):
        return self.api.post(f"{BOTS}/{self.bot['id']}/{what}", json={"lease_token": self.token} | fields)

    def read(self):
        return self.api.get(f"{BOTS}/{self.bot['id']}").must_be(200).json
