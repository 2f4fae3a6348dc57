"""docs/oauth-flow.md: its three applications, with a person's browser, the Zoom simulator and Hallpass."""

import http.client
import os
import re
import socket
import subprocess
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from support.port import free_port
from support.stack import ROOT
from support.waiting import wait_until

EXAMPLES = ROOT / "docs/examples"
CONNECTIONS = "/api/v1/zoom_oauth_connections"


def command(language, port):
    return {"python": ["/usr/bin/python3", EXAMPLES / "connect.py"], "node": ["node", EXAMPLES / "connect.mjs"],
            "php": ["php", "-S", f"127.0.0.1:{port}", EXAMPLES / "connect.php"]}[language]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fetch(url, method="GET", body=None, headers=None):
    """(status, headers, text); redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


class Person:
    """With a browser that keeps one cookie."""

    def __init__(self, site, zoom, user_id):
        self.site, self.zoom, self.user_id, self.cookie = site, zoom, user_id, None

    def begin(self):
        """Follows the link; the parameters with which Zoom's page was opened."""
        status, headers, _ = fetch(self.site + "/zoom/connect")
        assert status == 302 and headers["Location"].startswith(f"{self.zoom.url}/oauth/authorize?")
        self.cookie = headers["Set-Cookie"].split(";")[0]
        assert "httponly" in headers["Set-Cookie"].lower() and "samesite=lax" in headers["Set-Cookie"].lower()
        return dict(parse_qsl(urlsplit(headers["Location"]).query))

    def decide(self, asked, decision):
        """Where Zoom leads back to."""
        status, headers, _ = fetch(f"{self.zoom.oauth_url}/authorize", "POST", urlencode(
            asked | {"login": self.user_id, "decision": decision}), {
                "Content-Type": "application/x-www-form-urlencoded"})
        assert status == 302
        return headers["Location"]

    def return_to(self, url):
        status, _, text = fetch(url, headers={"Cookie": self.cookie} if self.cookie else {})
        return status, text

    def connect(self, decision="allow"):
        return self.return_to(self.decide(self.begin(), decision))


@pytest.fixture(params=["python", "node", "php"])
def person(request, api, zoom, register_app):
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    app, _ = register_app(redirect_uris=[f"{site}/zoom/callback"])
    environment = {"PATH": os.environ["PATH"], "HALLPASS": api.url, "KEY": api.key, "CLIENT_ID": app["client_id"],
                   "SITE": site, "ZOOM": zoom.url, "PORT": str(port)}
    with subprocess.Popen(command(request.param, port), env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: listens(port), what="the application")
            person = Person(site, zoom, zoom.create_user()["id"])
            person.client_id = app["client_id"]
            yield person
        finally:
            process.terminate()
            api.secrets.add_simulators(zoom, app["client_id"])


def test_a_person_connects_and_connects_again(api, person):
    for _ in range(2):
        status, text = person.connect()
        assert (status, text[:13]) == (200, "Connected as ")
        connection, = api.get(CONNECTIONS).must_be(200).json["results"]
        assert connection["id"] in text and connection["user_id"] == person.user_id
        assert (connection["state"], connection["deduplication_key"]) == ("connected", "user-17")


def test_a_person_who_says_no_is_not_connected(api, person):
    assert person.connect("deny") == (200, "Not connected: access_denied")
    assert api.get(CONNECTIONS).must_be(200).json["results"] == []


def test_what_did_not_begin_in_this_browser_is_refused(api, person):
    url = person.decide(person.begin(), "allow")
    for forged in (re.sub(r"state=[^&]*", "state=forged", url), re.sub(r"&?state=[^&]*", "", url)):
        assert person.return_to(forged)[0] == 400
    person.cookie = None
    for forged in (url, re.sub(r"state=[^&]*", "state=", url)):
        assert person.return_to(forged)[0] == 400
    assert api.get(CONNECTIONS).must_be(200).json["results"] == []


def test_a_passing_failure_of_zoom_costs_nobody_the_connection(api, person, zoom):
    with zoom.fault(client_id=person.client_id, path="/oauth/token", status=503, times=1):
        assert person.connect()[0] == 200
    assert len(api.get(CONNECTIONS).must_be(200).json["results"]) == 1


def test_why_it_was_refused_is_shown(person, zoom):
    zoom.change_app(person.client_id, scopes=["user:read:user"])
    status, text = person.connect()
    assert status == 502 and "lacks the scopes" in text


def test_there_is_a_link_and_nothing_else(person):
    assert fetch(person.site + "/")[2] == '<a href="/zoom/connect">Connect Zoom</a>'
    assert fetch(person.site + "/elsewhere")[0] == 404
