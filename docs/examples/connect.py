#!/usr/bin/env python3
"""
Lets the users of your application connect their Zoom accounts: a link, Zoom's consent page, and Hallpass,
which keeps what comes of it. Python 3.9 or later, nothing else; docs/oauth-flow.md says more.

HALLPASS=https://bots.example.com KEY=hp_… CLIENT_ID=… SITE=https://app.example.com PORT=8000 python3 connect.py
"""

import hmac
import html
import json
import os
import secrets
import time
import urllib.error
import urllib.request
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

HALLPASS, KEY, CLIENT_ID, SITE = (os.environ[name] for name in ("HALLPASS", "KEY", "CLIENT_ID", "SITE"))
ZOOM = os.environ.get("ZOOM", "https://zoom.us")
REDIRECT_URI = SITE + "/zoom/callback"  # byte for byte as in the Zoom app


def current_user():
    """Yours: the id of whoever is signed in to your application."""
    return "user-17"


def post_connection(code):
    """(status, answer). The code may be posted again: it is exchanged once."""
    body = json.dumps({"authorization_code": code, "redirect_uri": REDIRECT_URI, "deduplication_key": current_user()})
    request = urllib.request.Request(HALLPASS + "/api/v1/zoom_oauth_connections", body.encode(),
                                     {"Authorization": "Token " + KEY, "Content-Type": "application/json"})
    for attempt in range(3):
        time.sleep(attempt)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            answer = error.code, json.load(error)
            if error.code < 500:
                break
        except OSError as error:
            answer = 503, {"error": str(error)}
    return answer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(200, '<a href="/zoom/connect">Connect Zoom</a>')
        elif url.path == "/zoom/connect":
            self.begin()
        elif url.path == "/zoom/callback":
            self.finish(dict(parse_qsl(url.query)))
        else:
            self.answer(404, "There is nothing here.")

    def begin(self):
        state = secrets.token_urlsafe(32)
        query = urlencode({"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI, "state": state})
        self.answer(302, "", {"Location": f"{ZOOM}/oauth/authorize?{query}", "Set-Cookie": self.cookie(state, 600)})

    def finish(self, query):
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("zoom_state")
        state = query.get("state", "")
        if not cookie or not hmac.compare_digest(cookie.value.encode(), state.encode()):
            return self.answer(400, "This did not begin here, or too long ago. Please try again.")
        over = {"Set-Cookie": self.cookie("", 0)}
        if "code" not in query:
            return self.answer(200, "Not connected: " + html.escape(query.get("error", "no code")), over)
        status, answer = post_connection(query["code"])
        if status != 201:
            return self.answer(502, "Not connected: " + html.escape(answer["error"]), over)
        return self.answer(200, f"Connected as {html.escape(answer['email'] or answer['user_id'])}"
                                f" <!-- {html.escape(answer['id'])} -->", over)

    @staticmethod
    def cookie(value, max_age_s):
        secure = "; Secure" if SITE.startswith("https:") else ""
        return f"zoom_state={value}; Path=/zoom; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"

    def answer(self, status, text, headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": len(body),
                            **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Would write down authorization codes."""


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler).serve_forever()
