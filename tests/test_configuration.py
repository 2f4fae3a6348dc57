"""The configuration: every key by file and by environment, and one line that says what is wrong with it."""

import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from support.answer import Answer
from support.cgi import read_answer, variables_of
from support.failpoint import state_of
from support.secret_register import SecretRegister
from support.stack import BUILD, ROOT
from support.waiting import wait_until

RESPONDERS = sorted(program.name for program in (BUILD / "cgi-bin").iterdir())
PROGRAMS = [*RESPONDERS, "hallpass-worker", "hallpass"]
NOWHERE = "http://127.0.0.1:1"


class Installation:
    """A database and a key file under one directory; each call has a configuration of its own."""

    def __init__(self, directory, zoom, secrets):
        self.directory, self.zoom, self.secrets = directory, zoom, secrets
        self.file = directory / "hallpass.conf"
        self.good = {
            "database": str(directory / "hallpass.db"), "encryption_key_file": str(directory / "encryption.keys"),
            "zoom_oauth_url": zoom.oauth_url, "zoom_api_url": zoom.api_url}
        self.run("hallpass", arguments=["init"]).check_returncode()
        made = self.run("hallpass", arguments=["project", "create", "tests", "--json"])
        self.key = json.loads(made.stdout)["api_key"]
        secrets.add("API key", self.key)

    def write(self, settings):
        self.file.write_text("# tests\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))

    def run(self, program, settings=None, environment=None, arguments=(), text=None, variables=None, body=b""):
        """`settings` go over the good ones, `text` is the whole file instead."""
        self.write(self.good | (settings or {}))
        if text is not None:
            self.file.write_text(text)
        folder = "cgi-bin" if program in RESPONDERS else "bin"
        environment = {"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(self.file)} | (environment or {})
        return subprocess.run([BUILD / folder / program, *arguments], env=environment | (variables or {}),
                              input=body, capture_output=True, timeout=60)

    def start(self, program, **arguments):
        """The program with a task that is easily done."""
        if program in RESPONDERS:
            arguments["variables"] = variables_of("GET", "/no-such-path", b"", {})
        else:
            arguments["arguments"] = {"hallpass": ["project", "list"], "hallpass-worker": ["--once"]}[program]
        return self.run(program, **arguments)

    def call(self, program, method, path, body=None, settings=None, environment=None, headers=None):
        """(Answer, standard error) of one request as plain CGI."""
        text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.secrets.add_fields(body)
        headers = {"Authorization": f"Token {self.key}", "Content-Type": "application/json"} | (headers or {})
        result = self.run(program, settings, environment, variables=variables_of(method, path, text, headers), body=text)
        if result.returncode != 0:
            return Answer(0, [], result.stderr), result.stderr
        return read_answer(result.stdout), result.stderr


@pytest.fixture(scope="module")
def installation(tmp_path_factory, zoom):
    return Installation(tmp_path_factory.mktemp("configuration"), zoom, SecretRegister())


# What each key does: (a value, another value), and how to see which of them counts.

def see_answer(program, method, path, body=None, headers=None):
    return lambda installation, **ways: installation.call(program, method, path, body, headers=headers, **ways)[0].status


def see_public_url(installation, **ways):
    app = installation.zoom.create_app()
    answer, _ = installation.call("zoom_oauth_apps", "POST", "/api/v1/zoom_oauth_apps",
                                  {"client_id": app["client_id"], "client_secret": app["client_secret"]}, **ways)
    return answer.must_be(201).json["webhook_url"].split("/api/")[0]


def see_zoom_oauth_url(installation, **ways):
    app = installation.zoom.create_app()
    installation.zoom.add_fault(client_id=app["client_id"], path="/oauth/token", delay_ms=400)
    return installation.call("zoom_oauth_apps", "POST", "/api/v1/zoom_oauth_apps",
                             {"client_id": app["client_id"], "client_secret": app["client_secret"]}, **ways)[0].status


def see_zoom_api_url(installation, **ways):
    zoom, app = installation.zoom, installation.zoom.create_app()
    made, _ = installation.call("zoom_oauth_apps", "POST", "/api/v1/zoom_oauth_apps",
                                {"client_id": app["client_id"], "client_secret": app["client_secret"]})
    code = zoom.authorize(app["client_id"], zoom.create_user()["id"], redirect_uri="https://customer.example/")["code"]
    return installation.call("zoom_oauth_connections", "POST", "/api/v1/zoom_oauth_connections", {
        "zoom_oauth_app_id": made.json["id"], "authorization_code": code,
        "redirect_uri": "https://customer.example/"}, **ways)[0].status


def see_webhook_tolerance(installation, **ways):
    app = installation.zoom.create_app()
    made, _ = installation.call("zoom_oauth_apps", "POST", "/api/v1/zoom_oauth_apps", {
        "client_id": app["client_id"], "client_secret": app["client_secret"], "webhook_secret": "a-webhook-secret"})
    body = b'{"event": "meeting.alert", "event_ts": 1, "payload": {"account_id": "a", "object": {"id": "1"}}}'
    timestamp = str(int(time.time()) - 900)
    signed = hmac.new(b"a-webhook-secret", f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return installation.call("zoom_webhooks", "POST", f"/api/v1/zoom_oauth/webhooks/{made.json['id']}", body, headers={
        "x-zm-request-timestamp": timestamp, "x-zm-signature": f"v0={signed}"}, **ways)[0].status


def see_metrics_from(installation, settings=None, environment=None):
    result = installation.run("status", settings, environment, variables=variables_of(
        "GET", "/metrics", b"", {}) | {"REMOTE_ADDR": "203.0.113.7"})
    return read_answer(result.stdout).status


def see_log(installation, **ways):
    log = installation.call("status", "GET", "/health", **ways)[1].decode()
    return "nothing" if not log else "json" if log.startswith("{") else "text"


def threads_at_rest(pid, looks=20):
    """How many it has, once that is the same at so many looks in a row at which each of them slept."""
    seen = []

    def is_settled():
        states = [state_of(thread) for thread in os.listdir(f"/proc/{pid}/task")]
        seen.append(len(states) if set(states) == {"S"} else None)
        return seen[-1] is not None and seen[-looks:] == [seen[-1]] * looks

    wait_until(is_settled, what="a rest")
    return seen[-1]


THREADS_SEEN_MAX = 8


def see_threads(installation, settings=None, environment=None):
    """Of a responder that serves FastCGI, once it has more connections than threads; its main thread only waits."""
    installation.write(installation.good | (settings or {}))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")
        listener.listen()
        process = subprocess.Popen([BUILD / "cgi-bin/status"], stdin=listener, stderr=subprocess.PIPE,
                                   env={"HALLPASS_CONFIG": str(installation.file)} | (environment or {}))
        try:
            its = pathlib.Path(f"/proc/{process.pid}")
            wait_until(lambda: (its / "exe").readlink() == BUILD / "cgi-bin/status", what="its start")
            with contextlib.ExitStack() as at_end:
                for _ in range(THREADS_SEEN_MAX):
                    silent = at_end.enter_context(socket.socket(socket.AF_UNIX))
                    silent.connect(listener.getsockname())
                wait_until(lambda: len(os.listdir(its / "task")) > 1, what="a thread that serves")
                return threads_at_rest(process.pid) - 1
        finally:
            process.terminate()
            process.communicate(timeout=60)


LASTING_S = 10  # for one that is to end after a second, on a machine that has other things to do


def see_end(installation, settings=None, environment=None):
    """Whether a responder that serves FastCGI ends while nobody asks it for anything."""
    installation.write(installation.good | (settings or {}))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")
        listener.listen()
        process = subprocess.Popen([BUILD / "cgi-bin/status"], stdin=listener, stderr=subprocess.DEVNULL,
                                   env={"HALLPASS_CONFIG": str(installation.file)} | (environment or {}))
        try:
            return process.wait(LASTING_S)
        except subprocess.TimeoutExpired:
            return "it stays"
        finally:
            process.terminate()
            process.wait(60)


ready = see_answer("status", "GET", "/ready")
KEYS = {
    "database": ("{directory}/hallpass.db", 200, "{directory}/missing.db", 503, ready),
    "encryption_key_file": ("{directory}/encryption.keys", 200, "{directory}/missing.keys", 0, ready),
    "public_url": ("https://one.example", "https://one.example", "http://two.example:81/x/",
                   "http://two.example:81/x", see_public_url),
    "zoom_oauth_url": ("{zoom}/oauth", 201, NOWHERE, 503, see_zoom_oauth_url),
    "zoom_api_url": ("{zoom}/v2/", 201, NOWHERE, 503, see_zoom_api_url),
    "zoom_timeout_ms": ("20000", 201, "100", 504, see_zoom_oauth_url),
    "webhook_tolerance_s": ("1000", 200, "800", 401, see_webhook_tolerance),
    "metrics_from": ("203.0.113.0/24", 200, "192.0.2.7", 404, see_metrics_from),
    "threads": ("3", 3, "5", 5, see_threads),
    "idle_exit_s": ("1", 0, "0", "it stays", see_end),
    "log_level": ("info", "json", "error", "nothing", see_log),
    "log_format": ("json", "json", "text", "text", see_log),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_counts_by_file_and_by_environment_and_the_environment_wins(key, installation):
    one, sees_one, other, sees_other, see = KEYS[key]
    one, other = (value.format(directory=installation.directory, zoom=installation.zoom.url) for value in (one, other))
    variable = "HALLPASS_" + key.upper()
    assert see(installation, settings={key: one}) == sees_one
    assert see(installation, settings={key: other}) == sees_other
    assert see(installation, settings={key: one}, environment={variable: other}) == sees_other
    assert see(installation, settings={key: other}, environment={variable: one}) == sees_one


def test_every_key_of_the_contract_is_taken_and_has_a_default(installation):
    for key in [*KEYS, "allow_private_urls"]:
        value = KEYS[key][0] if key in KEYS else "true"
        value = value.format(directory=installation.directory, zoom=installation.zoom.url)
        assert installation.start("hallpass", settings={key: value}).returncode == 0
    required = "".join(f"{key} = {installation.good[key]}\n" for key in ("database", "encryption_key_file"))
    assert installation.start("hallpass", text=required).returncode == 0


@pytest.mark.parametrize("no_proxy, place", [("", "127.0.0.1 port 1"), ("zoom.invalid", "zoom.invalid")])
def test_zoom_is_called_through_the_proxy_of_the_environment(no_proxy, place, installation):
    answer, _ = installation.call(
        "zoom_oauth_apps", "POST", "/api/v1/zoom_oauth_apps", {"client_id": "some-client", "client_secret": "made-up-01"},
        settings={"zoom_oauth_url": "http://zoom.invalid/oauth"},
        environment={"http_proxy": NOWHERE, "no_proxy": no_proxy})
    assert answer.must_be(503).code == "zoom_unavailable"
    assert answer.json["error"].endswith(f": {place}") or f" to {place} " in answer.json["error"], answer


def in_an_etc_with(folder, settings):
    """The command line, without HALLPASS_CONFIG, where /etc has that configuration and nothing else."""
    (folder / "hallpass").mkdir()
    (folder / "hallpass/hallpass.conf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
    result = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"',
         folder, BUILD / "bin/hallpass", "project", "list"], env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, timeout=60)
    if result.stderr.startswith(("unshare: ", "mount: ")):
        pytest.skip(f"another /etc cannot be mounted here: {result.stderr.strip()}")
    return result


def test_nginx_waits_longer_for_an_answer_than_zoom_may_be_waited_for(installation):
    [waits_s] = re.findall(r"^\tfastcgi_read_timeout (\d+)s;", (ROOT / "nginx/server.conf").read_text(), re.MULTILINE)
    assert installation.start("status", settings={"zoom_timeout_ms": 120000}).returncode == 0
    assert installation.start("status", settings={"zoom_timeout_ms": 120001}).returncode == 1
    assert int(waits_s) > 120


def test_the_file_is_that_of_etc_where_the_environment_names_none(installation, tmp_path):
    result = in_an_etc_with(tmp_path, installation.good)
    assert (result.returncode, result.stderr) == (0, "") and "tests" in result.stdout


def test_a_wrong_file_of_etc_is_named(tmp_path):
    result = in_an_etc_with(tmp_path, {"no_such_key": 1})
    assert result.returncode == 1
    assert result.stderr.startswith("hallpass: /etc/hallpass/hallpass.conf line 1: ")


def test_comments_empty_lines_and_spaces_are_no_part_of_a_value(installation):
    text = "\n # comment\n#x=y\n\tlog_format\t=  text  \r\n" + "".join(
        f"{key}={value}\n" for key, value in installation.good.items())
    result = installation.start("status", text=text)
    assert result.returncode == 0 and not result.stderr.startswith(b"{")


# What is wrong is told in one line, and nothing starts

BAD_VALUES = {
    "database": [""], "encryption_key_file": [""],
    "public_url": ["ftp://x", "bots.example.com", "https://", "https:///x", "https://a b", "https://u@x", "https://x?y",
                   "https://x#y"],
    "zoom_oauth_url": ["", "zoom.us/oauth"], "zoom_api_url": ["", "//api.zoom.us"],
    "zoom_timeout_ms": ["", "99", "120001", "10s", "-1", "1e3", "99999999999999999999"],
    "webhook_tolerance_s": ["0", "86401", "ten"], "allow_private_urls": ["", "yes", "1", "True"],
    "metrics_from": ["localhost", "10.0.0.0/33", "10.0.0.0/8,127.0.0.1"], "threads": ["0", "1025", "many"],
    "idle_exit_s": ["", "-1", "86401", "never"], "log_level": ["", "verbose", "INFO"], "log_format": ["", "xml"],
}


def must_be_refused(result, program, *words):
    assert result.returncode == 1, result
    assert result.stdout == b""
    line = result.stderr.decode()
    assert line.startswith(f"{program}: ") and line.endswith("\n") and len(line.splitlines()) == 1, line
    for word in words:
        assert str(word) in line, (word, line)


@pytest.mark.parametrize("key", BAD_VALUES)
def test_a_bad_value_stops_the_program_naming_file_line_and_key(key, installation):
    for value in [*BAD_VALUES[key], *(["/x" * 600] if "file" in key or key == "database" else [])]:
        must_be_refused(installation.start("status", text=f"# one\n# two\n{key} = {value}\n"),
                        "status", f"{installation.file} line 3", key)
        must_be_refused(installation.start("status", environment={"HALLPASS_" + key.upper(): value}),
                        "status", "HALLPASS_" + key.upper())


def test_nginx_waits_for_a_responder_as_long_as_that_may_wait_for_zoom(installation):
    waits_s, = re.findall(r"fastcgi_read_timeout (\d+)s;", (ROOT / "nginx/server.conf").read_text())
    longest_ms = int(waits_s) * 1000
    must_be_refused(installation.start("status", text=f"zoom_timeout_ms = {longest_ms}\n"), "status", "zoom_timeout_ms")


@pytest.mark.parametrize("line, words", [
    ("no_such_key = 1", "no_such_key"), ("Threads = 3", "Threads"), ("threads 3", "threads 3"), ("= 3", "''"),
    ("threads", "threads"), ("[section]", "[section]"), ("x" * 5000, "longer")])
def test_a_line_that_is_no_setting_stops_the_program(line, words, installation):
    must_be_refused(installation.start("status", text=f"threads = 3\n\n{line}\nlog_level = info\n"),
                    "status", f"{installation.file} line 3", words)


@pytest.mark.parametrize("name", ["HALLPASS_NO_SUCH_KEY", "HALLPASS_", "HALLPASS_THREAD", "HALLPASS_" + "X" * 200])
def test_an_unknown_key_of_the_environment_stops_the_program(name, installation):
    must_be_refused(installation.start("status", environment={name: "1"}), "status", name[:60])


def test_a_value_with_line_breaks_is_told_in_one_line_all_the_same(installation):
    for program in ("status", "hallpass-worker", "hallpass"):
        for value in ("a\nb", "a\r\nb", "a\x1b[31mb"):
            result = installation.start(program, environment={"HALLPASS_LOG_LEVEL": value})
            must_be_refused(result, program, "HALLPASS_LOG_LEVEL")
            assert b"\x1b" not in result.stderr and b"\r" not in result.stderr


def bad_key_file(installation, name, text, mode):
    file = installation.directory / name
    file.write_text(text)
    file.chmod(mode)
    return {"encryption_key_file": str(file)}


GOOD_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
KEY_FILES = {
    "readable_for_all": (GOOD_KEY, 0o604, "chmod g-w,o="), "writable_for_all": (GOOD_KEY, 0o602, "chmod g-w,o="),
    "writable_for_the_group": (GOOD_KEY, 0o620, "chmod g-w,o="), "empty": ("", 0o600, "holds no key"),
    "only_a_comment": ("# nothing\n", 0o600, "holds no key"), "too_short": ("# one\nAAEC\n", 0o600, "line 2"),
    "no_base64": ("!" * 44 + "\n", 0o600, "line 1"),
}


@pytest.mark.parametrize("what", KEY_FILES)
def test_a_key_file_that_is_too_open_or_holds_no_key_stops_the_program(what, installation):
    text, mode, words = KEY_FILES[what]
    settings = bad_key_file(installation, what, text, mode)
    must_be_refused(installation.start("status", settings=settings), "status",
                    "encryption_key_file" if "line" not in words else what, settings["encryption_key_file"], words)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_refuses_a_wrong_configuration_in_the_same_way(program, installation):
    assert installation.start(program).returncode == 0
    must_be_refused(installation.start(program, text="\nno_such_key = 1\n"),
                    program, f"{installation.file} line 2", "no_such_key")
    must_be_refused(installation.start(program, text="threads = none\n"),
                    program, f"{installation.file} line 1", "threads")
    must_be_refused(installation.start(program, environment={"HALLPASS_THREADS": "none"}),
                    program, "HALLPASS_THREADS")
    for missing in (installation.directory / "missing.conf", installation.directory):
        must_be_refused(installation.start(program, environment={"HALLPASS_CONFIG": str(missing)}),
                        program, f"{missing}", "cannot read")
    settings = bad_key_file(installation, "open_to_all", GOOD_KEY, 0o644)
    must_be_refused(installation.start(program, settings=settings), program, "encryption_key_file", "chmod g-w,o=")
