"""A token callback, the bot engine that calls its addresses, and what such a call may come to."""

import base64
import hashlib
import hmac
import json

CALLBACKS = "/api/v1/token_callbacks"
TEXT = "text/plain; charset=utf-8"
UNKNOWN_MEETING = "85512345678"
SIGNING_SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # of Attendee's published example
PATHS = {
    "attendee": {"zoom_tokens_url": "attendee"},
    "recall": {"join_token_url": "recall/join_token", "zak_url": "recall/zak", "obf_token_url": "recall/obf",
               "access_token_callback_url": "recall/access_token"},
    "meeting_baas": {"obf_token_url": "meeting_baas/obf", "zak_token_url": "meeting_baas/zak"},
    "meetstream": {"obf_url": "meetstream/obf", "zak_url": "meetstream/zak"}}
# Every address that answers with a token as plain text: (engine, address, kind of token at the simulator).
TEXTS = [
    ("recall", "join_token_url", "local_recording"), ("recall", "zak_url", "zak"),
    ("recall", "obf_token_url", "onbehalf"), ("meeting_baas", "obf_token_url", "onbehalf"),
    ("meeting_baas", "zak_token_url", "zak"), ("meetstream", "obf_url", "onbehalf"),
    ("meetstream", "zak_url", "zak")]


class TokenCallback:
    """`api` makes it, with the project's key; `engine_api` calls its addresses, with none."""

    def __init__(self, api, engine_api, engine, **fields):
        self.api, self.engine_api = api, engine_api
        self.signing_secret = fields.get("signing_secret")
        self.answer = api.post(CALLBACKS, json={"engine": engine} | fields).must_be(201)
        self.json = self.answer.json
        self.id, self.urls = self.json["id"], self.json["urls"]
        self.secret = next(iter(self.urls.values())).split("/callbacks/")[1].split("/")[0]
        api.secrets.add("callback secret", self.secret, in_answers=True)

    def path(self, name):
        """Of the address of that name, whatever public_url is."""
        return "/callbacks/" + self.urls[name].split("/callbacks/")[1]

    def get(self, name, headers=None, **query):
        return self.engine_api.get(self.path(name), query=query, headers=headers)

    def post(self, name, body, headers=None, **query):
        return self.engine_api.post(self.path(name), raw=body if isinstance(body, (bytes, str)) else json.dumps(body),
                                    query=query, headers=headers)

    def uses(self):
        return self.api.get(f"{CALLBACKS}/{self.id}/uses").must_be(200).json["results"]

    def revoke(self):
        return self.api.delete(f"{CALLBACKS}/{self.id}")


def attendee_body(meeting_url, metadata=None, bot_id="bot_weIAju4OXNZkDTpZ"):
    return {"bot_id": bot_id, "bot_metadata": metadata, "callback_type": "zoom_tokens", "meeting_url": meeting_url}


def attendee_signature(secret, body):
    """Over another spelling of the body than the one that is sent."""
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    mac = hmac.new(base64.b64decode(secret), canonical.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def minted(zoom, host, kind):
    return zoom.minted_tokens(client_id=host.client_id, kind=kind)


def no_token(answer, reason):
    assert answer.must_be(404).headers["content-type"] == TEXT
    assert answer.body.decode() == f"there is no token: {reason}"
    assert "retry-after" not in answer.headers
