"""docs/quick-start.md, typed word for word by somebody who has an empty Debian, a Zoom app and a meeting."""

import http.client
import re
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

import hosting
from certificate_authority import certificate_authority
from fresh_debian import REPOSITORY, fresh_debian
from machine import is_possible
from reader import Reader
from zoom_simulator.client import ZoomSimulator

PAGE = "quick-start.md"
DOMAIN = "hallpass.customer.example"
REDIRECT_URI = f"https://{DOMAIN}/connected"

pytestmark = pytest.mark.skipif(not is_possible(), reason="no machine of its own may be made here")


class Customer:
    """With a Zoom account: an app, a user and a meeting of that user's."""

    def __init__(self, zoom):
        self.zoom = zoom
        self.app = zoom.create_app(redirect_uris=[REDIRECT_URI])
        self.user = zoom.create_user()
        self.meeting = zoom.create_meeting(self.user["id"])

    def values(self):
        return {"REPOSITORY": REPOSITORY, "DOMAIN": DOMAIN, "EMAIL": "ada@customer.example",
                "CLIENT_ID": self.app["client_id"], "CLIENT_SECRET": self.app["client_secret"],
                "REDIRECT_URI": REDIRECT_URI, "MEETING_URL": self.meeting["join_url"],
                "KEY": lambda reader: re.findall(r"^api key (\S+)$", reader.printed, re.MULTILINE)[-1],
                "CODE": lambda reader: self.allow(reader.output.strip())}

    def settings(self):
        """What stands in for the addresses of Zoom's own."""
        return {"HALLPASS_ZOOM_OAUTH_URL": self.zoom.oauth_url, "HALLPASS_ZOOM_API_URL": self.zoom.api_url}

    def allow(self, address):
        """The browser is led to the address, the user allows what it asks, and the code is in where that leads."""
        page = urlsplit(address)
        assert f"{page.scheme}://{page.netloc}{page.path}" == "https://zoom.us/oauth/authorize"
        zoom = http.client.HTTPConnection(urlsplit(self.zoom.url).netloc, timeout=60)
        zoom.request("POST", page.path, urlencode([*parse_qsl(page.query), ("login", self.user["id"]),
                                                   ("decision", "allow")]),
                     {"Content-Type": "application/x-www-form-urlencoded"})
        answer = zoom.getresponse()
        assert answer.status == 302, answer.read()
        location = answer.headers["Location"]
        zoom.close()
        assert location.startswith(f"{REDIRECT_URI}?")
        return dict(parse_qsl(urlsplit(location).query))["code"]

    def owns(self, token):
        minted, = self.zoom.minted_tokens(token=token)
        return (minted["kind"], minted["user_id"], minted["meeting_id"]) == (
            "local_recording", self.user["id"], self.meeting["id"])


@contextmanager
def reader_with_a_token(machine, customer, terminal, sections, **values):
    """Who followed the sections to a token, which has to be that of the user for the meeting."""
    with Reader(machine, terminal, customer.values() | values, customer.settings()) as reader:
        for section in sections:
            reader.follow(PAGE, section)
        token = re.search(r'"app_privilege_token": "([^"]+)"', reader.output)[1]
        assert customer.owns(token)
        assert re.findall(r"^(?:WARN|FAIL).*", reader.printed, re.MULTILINE) == []
        assert reader.values == {}, "the page does not ask for these"
        yield reader


def test_a_server_of_ones_own(tmp_path):
    with (fresh_debian(tmp_path, DOMAIN) as machine, machine.network(), ZoomSimulator.start() as zoom,
          certificate_authority(machine, tmp_path)):
        customer = Customer(zoom)
        machine.run("systemctl", "set-environment", *(f"{name}={value}" for name, value in customer.settings().items()))
        with reader_with_a_token(machine, customer, tmp_path / "terminal", ("1.", "2.", "4.")):
            assert machine.failed_units() == []


def test_a_web_host(tmp_path):
    with fresh_debian(tmp_path, DOMAIN) as machine, machine.network(), ZoomSimulator.start() as zoom:
        customer = Customer(zoom)
        hosting.set_up(machine, tmp_path, DOMAIN, customer.settings())
        with reader_with_a_token(machine, customer, tmp_path / "terminal", ("1.", "3.", "4."),
                                 HOST=f"{hosting.ACCOUNT}@{DOMAIN}", WEB=hosting.WEB) as reader:
            # The cron has its worker ask for the user's meetings.
            zoom.wait_for_requests(1, client_id=customer.app["client_id"], path="/v2/users/*/meetings", timeout_s=180)
            configuration = machine.path(f"{hosting.HOME}/hallpass/hallpass.conf")
            before = configuration.read_bytes()
            reader.follow("deployment.md", "A web host with Apache and CGI")
            assert configuration.read_bytes() == before
            reader.type('ssh "$HOST" hallpass/hallpass doctor\n')
            assert "connections: 1 connected" in reader.output
