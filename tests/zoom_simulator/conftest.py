import base64
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode, urlsplit

import pytest

from .client import ZoomSimulator


class Answer:
    """An answer, or the lack of one, of the HTTP client below."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)


def http_call(url, method="GET", form=None, headers=None, timeout_s=15):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    headers = dict(headers or {})
    body = None
    if form is not None:
        body = urlencode(form)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


class Tenant:
    """One app and one user of a shared simulator, and the calls an app's backend makes."""

    def __init__(self, zoom, **app_fields):
        self.zoom = zoom
        self.app = zoom.create_app(**app_fields)
        self.client_id = self.app["client_id"]
        self.user = zoom.create_user()
        self.user_id = self.user["id"]

    def basic(self, secret=None):
        pair = f"{self.client_id}:{secret or self.app['client_secret']}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    def token_call(self, secret=None, **form):
        return http_call(f"{self.zoom.oauth_url}/token", "POST", form, self.basic(secret))

    def exchange(self, code, **form):
        return self.token_call(grant_type="authorization_code", code=code, **form)

    def refresh(self, refresh_token):
        return self.token_call(grant_type="refresh_token", refresh_token=refresh_token)

    def connect(self, user_id=None, **arguments):
        """Authorize and exchange; the token answer."""
        code = self.zoom.authorize(self.client_id, user_id or self.user_id, **arguments)["code"]
        answer = self.exchange(code)
        assert answer.status == 200, answer.body
        return answer.json

    def get(self, path, access_token):
        return http_call(self.zoom.api_url + path,
                         headers={"Authorization": f"Bearer {access_token}"})


class Receiver:
    """A webhook endpoint: keeps what it gets, answers what it is told to, 200 otherwise."""

    def __init__(self):
        self.received, self.answers = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((headers, body))
                answer = receiver.answers.pop(0) if receiver.answers else (200, b"{}")
                status, content = answer(body) if callable(answer) else answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # the sender may give up on a slow answer
        self.url = "http://127.0.0.1:{}/events".format(self.server.server_port)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="session")
def zoom():
    with ZoomSimulator.start() as simulator:
        yield simulator


@pytest.fixture
def tenant(zoom):
    return Tenant(zoom)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
