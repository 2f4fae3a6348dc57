"""Every family as plain CGI: the same answers as through nginx and FastCGI."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from support.cgi import program_of, read_answer, variables_of
from support.joiner import JOIN_TOKEN, make_joiner
from support.stack import BUILD
from support.token_callback import TokenCallback
from support.waiting import wait_until
from support.zoom_user import connect_user

APPS, CONNECTIONS, BOTS = "/api/v1/zoom_oauth_apps", "/api/v1/zoom_oauth_connections", "/api/v1/bots"
EVENTS, CALLBACKS = "/api/v1/zoom_oauth/webhooks", "/api/v1/token_callbacks"
MEETING = "https://zoom.us/j/1234567890?pwd=abc.1"


class World:
    def __init__(self, stack, zoom):
        self.stack, self.zoom = stack, zoom
        self.project = stack.create_project()
        self.api, self.cgi_api = self.project.api, self.project.cgi_api
        self.user = connect_user(self.api, zoom, deduplication_key="taken", metadata={"ü": [1, None]})
        zoom.create_meetings(self.user.user_id, 3)
        wait_until(lambda: self.user.read()["last_successful_sync_at"])
        self.bots = [self.api.post(BOTS, json={"meeting_url": MEETING}).must_be(201).json for _ in range(3)]
        self.names = {"app": self.user.app_id, "connection": self.user.id, "bot": self.bots[0]["id"]}
        callback = TokenCallback(self.api, stack.anonymous, "meetstream")
        self.names |= {"callback": callback.id, "secret": callback.secret}

    def path(self, template):
        return template.format(**self.names)


@pytest.fixture(scope="module")
def world(stack, zoom):
    return World(stack, zoom)


# Requests that leave everything as it is, so that they can be made twice: (method, path, body or None, headers).
SAME = [
    ("GET", "/health", None, {}), ("GET", "/ready", None, {}), ("POST", "/ready", None, {}), ("GET", "/x", None, {}),
    ("GET", APPS, None, {}), ("GET", APPS + "/{app}", None, {}), ("GET", APPS + "/{app}/", None, {}),
    ("GET", APPS + "/zoapp_unknown", None, {}), ("PUT", APPS + "/{app}", None, {}),
    ("POST", APPS, {"client_id": "unknown", "client_secret": "made-up-0123456789"}, {}),
    ("POST", APPS, {"client_id": 1, "surprise": 2}, {}), ("DELETE", APPS + "/{app}", None, {}),
    ("GET", CONNECTIONS, None, {}), ("GET", CONNECTIONS + "?state=disconnected", None, {}),
    ("GET", CONNECTIONS + "?deduplication_key=taken&page_size=1", None, {}),
    ("GET", CONNECTIONS + "?state=gone&x=%C3%BC", None, {}), ("GET", CONNECTIONS + "/{connection}", None, {}),
    ("GET", CONNECTIONS + "/{connection}/meetings", None, {}), ("GET", CONNECTIONS + "/{connection}/log", None, {}),
    ("GET", APPS + "/{app}/log?page_size=2", None, {}), ("GET", APPS + "/zoapp_unknown/log", None, {}),
    ("GET", CONNECTIONS + "/{connection}?revoke=false", None, {}),
    ("GET", CONNECTIONS + "/%7Bconnection%7D", None, {}),
    ("PATCH", CONNECTIONS + "/{connection}", {"metadata": []}, {}),
    ("DELETE", CONNECTIONS + "/{connection}?revoke=perhaps", None, {}),
    ("DELETE", CONNECTIONS + "/{connection}%3Frevoke=false", None, {}),
    ("GET", CONNECTIONS + "/%25%37%42", None, {}), ("POST", CONNECTIONS, b"{", {}),
    ("POST", CONNECTIONS, b"{}", {"Content-Type": "text/plain"}), ("POST", CONNECTIONS, b" " * (1 << 20), {}),
    ("GET", BOTS, None, {}), ("GET", BOTS + "/{bot}", None, {}), ("POST", BOTS, {"meeting_url": "nowhere"}, {}),
    ("PATCH", BOTS + "/{bot}", {"bot_name": ""}, {}), ("GET", BOTS, None, {"Authorization": None}),
    ("GET", BOTS, None, {"Authorization": "Token wrong"}), ("GET", BOTS, None, {"Authorization": "Basic eDp5"}),
    ("POST", EVENTS, b"{}", {}), ("GET", EVENTS, None, {}),
    ("POST", EVENTS + "/{app}", b'{"event": "meeting.started"}', {"x-zm-signature": "v0=00"}),
    ("POST", EVENTS + "/zoapp_unknown", b'{"event": "meeting.started"}', {}),
    ("GET", CALLBACKS, None, {"Authorization": None}), ("GET", CALLBACKS + "/tcb_unknown", None, {}),
    ("POST", CALLBACKS, {"engine": "vexa"}, {}), ("GET", CALLBACKS + "/tcb_unknown/uses", None, {}),
    ("GET", "/callbacks/unknown/recall/zak", None, {}), ("POST", "/callbacks/unknown/attendee", b"{}", {}),
    ("GET", "/callbacks/{secret}/recall/zak", None, {}), ("GET", "/callbacks/{secret}/meetstream", None, {}),
    ("GET", "/callbacks/{secret}/meetstream/zak", None, {}), ("PUT", "/callbacks/{secret}/meetstream/zak", None, {}),
    ("GET", "/callbacks/{secret}/meetstream/zak?meeting_number=85512345678", None, {}),
    ("POST", "/callbacks/{secret}/meetstream/obf", b"{", {}),
]


def is_same_text(one, other):
    """But for the tracking id, which is Zoom's own for each call, and sealed cursors."""
    strip = re.compile(rb"rid=WEB_[0-9a-f]*|cursor=[\w-]*")
    return strip.sub(b"", one) == strip.sub(b"", other)


@pytest.mark.parametrize("method, template, body, headers", SAME, ids=[f"{each[0]} {each[1]}" for each in SAME])
def test_the_answer_is_the_same_as_through_nginx(method, template, body, headers, world):
    sent = {"raw": body} if isinstance(body, bytes) else {"json": body}
    if "%7B" not in template and "%3F" not in template:
        path = world.path(template)
    else:
        path = template.replace("{connection}", world.user.id)
    through_nginx, as_cgi = (api.call(method, path, headers=headers, **sent) for api in (world.api, world.cgi_api))
    assert as_cgi.status == through_nginx.status
    if path != "/x":  # nginx's own answer
        for name in ("content-type", "allow", "retry-after", "www-authenticate", "cache-control"):
            assert as_cgi.headers.get(name) == through_nginx.headers.get(name), name
    assert is_same_text(as_cgi.body, through_nginx.body), (as_cgi, through_nginx)


def test_a_whole_life_passes_without_any_server(stack, zoom, secrets):
    """App, connection, bot, tokens, deletion: each request a process of its own."""
    api = stack.create_project().cgi_api
    user = connect_user(api, zoom, metadata={"n": 1})
    meeting = zoom.create_meeting(user.user_id)
    wait_until(lambda: user.read()["last_successful_sync_at"])
    api.post(f"{CONNECTIONS}/{user.id}/refresh").must_be(200)
    bot = api.post(BOTS, json={"meeting_url": meeting["join_url"],
                               "zoom_oauth_connection_id": user.id}).must_be(201).json
    tokens = api.post(f"{BOTS}/{bot['id']}/zoom_tokens").must_be(200).json
    assert tokens["join_flow"] == "token"
    assert [each["token"] for each in zoom.minted_tokens(client_id=user.client_id)] == [tokens["app_privilege_token"]]
    api.patch(f"{BOTS}/{bot['id']}", json={"metadata": {"m": 2}}).must_be(200)
    api.delete(f"{BOTS}/{bot['id']}").must_be(200)
    api.delete(f"{CONNECTIONS}/{user.id}").must_be(200)
    assert not user.grant()["living"]
    api.delete(f"{APPS}/{user.app_id}").must_be(200)


def test_a_head_and_a_body_are_printed_as_cgi_has_them(world):
    variables = variables_of("GET", f"{APPS}/{world.user.app_id}", b"", {"Authorization": f"Token {world.project.key}"})
    result = subprocess.run([BUILD / "cgi-bin/zoom_oauth_apps"], capture_output=True, check=True, timeout=60,
                            env={"HALLPASS_CONFIG": str(world.stack.config)} | variables, stdin=subprocess.DEVNULL)
    head, body = result.stdout.split(b"\r\n\r\n")
    assert head.startswith(b"Status: 200 OK\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(result.stderr.splitlines()) == 1


def start_bots(stack, project, bot):
    """As a web server starts the program that is asked for the bot's tokens."""
    variables = variables_of("POST", f"{BOTS}/{bot['id']}/zoom_tokens", b"", {"Authorization": f"Token {project.key}"})
    return subprocess.Popen([BUILD / "cgi-bin/bots"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={"HALLPASS_CONFIG": str(stack.config)} | variables)


@pytest.fixture
def patient_project(private_stack):
    return private_stack(HALLPASS_ZOOM_TIMEOUT_MS=6000).create_project()


def test_a_refresh_that_outlives_the_answer_is_stored_though_the_web_server_sees_the_program_end(patient_project, zoom):
    joiner = make_joiner(patient_project.stack, zoom, patient_project.api)
    refreshed_at = joiner.read()["last_token_refresh_at"]
    with (joiner.refusal_that_comes_late(2000, hold="after") as release,
          start_bots(patient_project.stack, patient_project, joiner.bot) as program):
        output, log = program.communicate(timeout=60)  # to the end of both
        assert program.returncode == 0
        answer = read_answer(output).must_be(200).json
        assert (answer["join_flow"], answer["join_flow_reason"]) == ("standard", "timeout")
        assert len(log.splitlines()) == 1
        assert joiner.refreshes(state="in_flight") == 1
        release()
        joiner.wait_for_refresh_after(refreshed_at)
    assert joiner.joins()
    assert joiner.refreshes() == 1


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_a_refresh_is_stored_though_the_web_server_ends_the_program_in_the_middle_of_it(patient_project, zoom, by):
    joiner = make_joiner(patient_project.stack, zoom, patient_project.api)
    refreshed_at = joiner.read()["last_token_refresh_at"]
    joiner.expire_at_zoom()
    with (joiner.spoil_refresh(hold="after") as fault,
          start_bots(patient_project.stack, patient_project, joiner.bot) as program):
        joiner.wait_for_refresh_under_way()
        program.send_signal(by)
        assert program.wait(60) == -by
        zoom.release_fault(fault["id"])
        joiner.wait_for_refresh_after(refreshed_at)
    assert joiner.joins()
    assert joiner.refreshes() == 1


def child_of(program):
    (child,) = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    return int(child)


def test_a_refresh_is_stored_and_answered_for_though_all_processes_are_asked_to_end(patient_project, zoom):
    """As by the end of the service that starts them: what is begun is finished, as it is by a responder."""
    joiner = make_joiner(patient_project.stack, zoom, patient_project.api)
    joiner.expire_at_zoom()
    with (joiner.spoil_refresh(hold="after") as fault,
          start_bots(patient_project.stack, patient_project, joiner.bot) as program):
        joiner.wait_for_refresh_under_way()
        os.kill(child_of(program), signal.SIGTERM)
        zoom.release_fault(fault["id"])
        assert read_answer(program.communicate(timeout=60)[0]).must_be(200).json["join_flow"] == "token"
    assert joiner.joins()
    assert joiner.refreshes() == 1


def test_a_program_that_dies_without_an_answer_fails_for_the_web_server_as_well(patient_project, zoom):
    joiner = make_joiner(patient_project.stack, zoom, patient_project.api)
    with joiner.zoom.fault(path=JOIN_TOKEN, hold="before", **joiner.who):
        with start_bots(patient_project.stack, patient_project, joiner.bot) as program:
            zoom.wait_for_requests(1, path=JOIN_TOKEN, state="in_flight", **joiner.who)
            os.kill(child_of(program), signal.SIGKILL)
            assert program.communicate(timeout=60) == (b"", b"")
            assert program.returncode == 1


def loaded_libraries(world, method, path):
    """What the program of one request loads, by the words of the dynamic linker."""
    variables = variables_of(method, path, b"", {"Authorization": f"Token {world.project.key}"})
    result = subprocess.run([BUILD / "cgi-bin" / program_of(path)], capture_output=True, check=True, timeout=60,
                            env={"HALLPASS_CONFIG": str(world.stack.config), "LD_DEBUG": "files"} | variables,
                            stdin=subprocess.DEVNULL, text=True)
    assert result.stdout.startswith("Status: 200 OK"), result.stdout
    return set(re.findall(r"file=(lib\w+)\.so", result.stderr))


def test_a_request_that_needs_no_zoom_loads_neither_curl_nor_openssl_and_none_loads_libfcgi(world):
    asked = loaded_libraries(world, "GET", f"{CONNECTIONS}/{world.user.id}")
    assert "libsqlite3" in asked and not asked & {"libcurl", "libcrypto", "libssl", "libfcgi"}
    checked = loaded_libraries(world, "POST", f"{CONNECTIONS}/{world.user.id}/refresh")
    assert checked >= {"libsqlite3", "libcurl", "libcrypto", "libssl"} and "libfcgi" not in checked


@pytest.mark.parametrize("script, info", [("", "{path}"), (None, "{path}"), ("/cgi-bin/zoom_oauth_apps", "{path}"),
                                          ("{path}", ""), ("{path}", None), ("/api/v1", "/zoom_oauth_apps/{id}")])
def test_the_path_is_found_however_the_server_splits_it(script, info, world):
    """RFC 3875 leaves it to the server which part is the script's and which is PATH_INFO."""
    path = f"{APPS}/{world.user.app_id}"
    variables = variables_of("GET", path, b"", {"Authorization": f"Token {world.project.key}"})
    for name, value in (("SCRIPT_NAME", script), ("PATH_INFO", info)):
        variables.pop(name)
        if value is not None:
            variables[name] = value.format(path=path, id=world.user.app_id)
    result = subprocess.run([BUILD / "cgi-bin/zoom_oauth_apps"], capture_output=True, check=True, timeout=60,
                            env={"HALLPASS_CONFIG": str(world.stack.config)} | variables, stdin=subprocess.DEVNULL)
    assert result.stdout.startswith(b"Status: 200 OK\r\n")


def test_a_start_without_any_request_is_answered_all_the_same(world):
    result = subprocess.run([BUILD / "cgi-bin/bots"], capture_output=True, check=True, timeout=60,
                            env={"HALLPASS_CONFIG": str(world.stack.config)}, stdin=subprocess.DEVNULL)
    assert result.stdout.startswith(b"Status: 404 Not Found\r\n")
