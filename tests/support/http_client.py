"""A small HTTP client of the API, one kept connection per thread."""

import http.client
import json as json_module
import threading
import time
from urllib.parse import urlencode, urlsplit

from .answer import Answer
from .api_description import ApiDescription

TIMEOUT_S = 60
IDLE_S_MAX = 20  # nginx hangs up after 75

description = ApiDescription.load()


class Api:
    """
    Calls with one API key; `key=None` sends none. `answers` is a file that gets each answer; each must be
    as docs/openapi.yaml describes it.
    """

    def __init__(self, url, key=None, secrets=None, answers=None):
        self.url, self.key, self.secrets, self.answers = url, key, secrets, answers
        parts = urlsplit(url)
        self.address = parts.hostname, parts.port
        self.local = threading.local()

    def get(self, path, **arguments):
        return self.call("GET", path, **arguments)

    def post(self, path, **arguments):
        return self.call("POST", path, **arguments)

    def patch(self, path, **arguments):
        return self.call("PATCH", path, **arguments)

    def delete(self, path, **arguments):
        return self.call("DELETE", path, **arguments)

    def call(self, method, path, *, query=None, json=None, raw=None, headers=None):
        """`json` is sent as JSON, `raw` (bytes or text) as it is; a header of None is left out."""
        body = raw.encode() if isinstance(raw, str) else raw
        sent = {"Authorization": f"Token {self.key}"} if self.key else {}
        if json is not None:
            body = json_module.dumps(json).encode()
            if self.secrets:
                self.secrets.add_fields(json)
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent = {name: value for name, value in (sent | (headers or {})).items() if value is not None}
        target = path + ("?" + urlencode(query) if query else "")
        answer = self.exchange(method, target, body, sent)
        if self.answers:
            with open(self.answers, "ab") as file:
                file.write(answer.body + b"\n")
        description.check(method, target, json, answer)
        return answer

    def hang_up(self):
        """Before the web server is stopped: the next call of this thread opens another connection."""
        self.connection().close()

    def exchange(self, method, target, body, headers):
        connection = self.connection()
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        except BaseException:
            connection.close()
            raise
        self.local.used_at = time.monotonic()
        return answer

    def connection(self):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
            self.local.connection = connection
        elif time.monotonic() - self.local.used_at > IDLE_S_MAX:
            connection.close()  # and opened anew by the next request
        self.local.used_at = time.monotonic()
        return connection
