"""What `make cgi-bundle` lays out, uploaded to a web host as its README.txt says: Apache, CGI, a cron."""

import http.client
import os
import re
import subprocess

import pytest

from support import landlock
from support.answer import Answer
from support.joiner import make_joiner
from support.stack import BUILD, ROOT
from support.waiting import wait_until
from support.web_host import SERVERS, WebHost
from support.zoom_user import connect_user

BUNDLE = BUILD / "hallpass-cgi"
RESPONDERS = {source.stem for source in (ROOT / "cgi-bin").glob("*.c")}
PROGRAMS = RESPONDERS | {"hallpass", "hallpass-worker"}


@pytest.fixture(scope="module", params=SERVERS)
def host(request, zoom, secrets):
    host = WebHost(request.param, secrets, HALLPASS_ZOOM_OAUTH_URL=zoom.oauth_url, HALLPASS_ZOOM_API_URL=zoom.api_url)
    host.up()
    yield host
    secrets.add_simulators(zoom)
    leaks = host.leaks()
    host.down()
    assert leaks == []


def ask(host, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = Answer(response.status, response.getheaders(), response.read())
    connection.close()
    return answer


def test_a_bot_gets_its_token_and_the_cron_has_read_the_meetings(host, zoom):
    api = host.create_project().api
    user = connect_user(api, zoom)
    meeting = zoom.create_meeting(user.user_id)
    user.wait_for_sync()  # by the cron
    bot = api.post("/api/v1/bots", json={"meeting_url": meeting["join_url"],
                                         "zoom_oauth_connection_id": user.id}).must_be(201).json
    assert api.post(f"/api/v1/bots/{bot['id']}/zoom_tokens").must_be(200).json["join_flow"] == "token"


def test_every_answer_of_a_program_has_an_id_that_its_log_has_too(host):
    ids = {ask(host, "GET", path).headers["x-request-id"] for path in ("/health", "/ready", "/api/v1/bots")}
    assert len(ids) == 3 and all(re.fullmatch(r"[0-9A-Za-z]{16}", each) for each in ids)


def test_a_wrong_key_is_told_from_none(host):
    assert ask(host, "GET", "/api/v1/bots").must_be(401).code == "missing_api_key"
    wrong = ask(host, "GET", "/api/v1/bots", headers={"Authorization": "Token wrong"}).must_be(401)
    assert wrong.code == "invalid_api_key"


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/api/v1/", "/api/v1/zoom_oauth/", "/api/v1/botsy", "/healthy"])
def test_what_is_not_there_is_404_in_the_apis_shape(path, host):
    answer = ask(host, "GET", path).must_be(404)
    assert (answer.code, answer.headers["content-type"]) == ("not_found", "application/json")


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/api/v1/openapi.json"])
def test_what_needs_no_key_is_served(path, host):
    ask(host, "GET", path).must_be(200)


def test_a_body_that_is_too_large_is_413_in_the_apis_shape(host):
    answer = ask(host, "POST", "/api/v1/zoom_oauth/webhooks", b" " * ((1 << 20) + 1)).must_be(413)
    assert (answer.code, answer.headers["content-type"]) == ("body_too_large", "application/json")


@pytest.mark.parametrize("path", ["/hallpass.conf", "/../hallpass/hallpass.conf", "/hallpass/hallpass.db", "/.htaccess"])
def test_nothing_that_is_kept_is_shown(path, host):
    assert ask(host, "GET", path).status in (400, 403, 404)


def test_who_is_not_its_user_cannot_read_what_is_kept(host):
    for name in ("hallpass.conf", "hallpass.db", "encryption.keys"):
        assert (host.directory / name).stat().st_mode & 0o077 == 0, name
    assert host.directory.stat().st_mode & 0o077 == 0


@pytest.fixture(params=SERVERS)
def patient_host(request, zoom, secrets):
    host = WebHost(request.param, secrets, HALLPASS_ZOOM_OAUTH_URL=zoom.oauth_url, HALLPASS_ZOOM_API_URL=zoom.api_url,
                   HALLPASS_ZOOM_TIMEOUT_MS=6000)
    host.up()
    yield host
    host.down()


def test_a_bot_is_answered_in_time_and_a_refresh_that_takes_longer_is_stored(patient_host, zoom):
    """Apache's mod_cgi ends the answer when all output is closed, and then a program that goes on."""
    joiner = make_joiner(patient_host, zoom, patient_host.create_project().api)
    refreshed_at = joiner.read()["last_token_refresh_at"]
    with joiner.refusal_that_comes_late(2000, hold="after") as release:
        answer = joiner.zoom_tokens()
        assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "timeout")
        assert joiner.refreshes(state="in_flight") == 1
        release()
        joiner.wait_for_refresh_after(refreshed_at)
    assert joiner.joins()
    assert joiner.refreshes() == 1


@pytest.fixture(params=SERVERS)
def host_that_names_requests(request, secrets):
    """Its Apache has mod_unique_id, and writes what that says into its own log."""
    host = WebHost(request.param, secrets, modules=["unique_id"],
                   configuration='CustomLog hallpass/logs/access.log "%{UNIQUE_ID}e %s"')
    host.up()
    yield host
    host.down()


def test_the_id_is_apaches_where_it_has_one(host_that_names_requests):
    host = host_that_names_requests
    answer = ask(host, "GET", "/api/v1/bots").must_be(401)
    line = f"{answer.headers['x-request-id']} 401\n"
    wait_until(lambda: line in (host.directory / "logs/access.log").read_text(), what="the line of Apache's log")


def test_doctor_finds_all_well(host):
    result = host.run("hallpass", "doctor")
    assert result.returncode == 0
    assert landlock.version() < 1 or "ok   sandbox: " in result.stdout


def test_every_program_is_laid_out_and_no_path_of_the_site_is_missing():
    assert {program.name for program in (BUNDLE / "hallpass/programs").iterdir()} == PROGRAMS
    served = {file.read_text().split()[-1] for file in (BUNDLE / "web").rglob("*")
              if file.is_file() and os.access(file, os.X_OK)}
    assert served == RESPONDERS


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_a_program_needs_no_library_of_the_hosts(program):
    home = BUNDLE / "hallpass"
    [loader] = home.glob("lib/ld-*")
    listed = subprocess.run([loader, "--inhibit-cache", "--library-path", home / "lib", "--list",
                             home / "programs" / program], capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.findall(r"(?:=> )?(/\S+) \(0x", listed)
    assert found and all(path.startswith(f"{home}/lib/") for path in found), listed


@pytest.mark.parametrize("library", ["libcurl", "libcrypto"])
def test_what_is_loaded_late_is_there_with_what_it_needs(library):
    home = BUNDLE / "hallpass"
    [loader], [file] = home.glob("lib/ld-*"), home.glob(f"lib/{library}.so.*")
    listed = subprocess.run([loader, "--inhibit-cache", "--library-path", home / "lib", "--list", file],
                            capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.findall(r"(?:=> )?(/\S+) \(0x", listed)
    assert found and all(path.startswith(f"{home}/lib/") for path in found), listed
