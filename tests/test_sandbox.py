"""
The second fence: once it has started, a program reaches what its role needs and nothing else, whoever
has taken it over (tests/support/intruder.c); and it does all that it did without.
"""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from support import landlock
from support.cgi import program_of
from support.joiner import make_joiner
from support.preload import build_library
from support.processes import pids_of
from support.stack import BUILD, ROOT
from support.waiting import wait_until

VERSION = landlock.version()
RESPONDERS = sorted(source.stem for source in (ROOT / "cgi-bin").glob("*.c"))
CALLERS = {"zoom_oauth_apps", "zoom_oauth_connections", "bots", "token_callbacks", "hallpass-worker"}
# Of each family, a request that opens the database.
DOORS = [("GET", "/ready"), ("GET", "/api/v1/zoom_oauth_apps"), ("GET", "/api/v1/zoom_oauth_connections"),
         ("POST", "/api/v1/zoom_oauth/webhooks"), ("GET", "/api/v1/bots"), ("GET", "/api/v1/token_callbacks"),
         ("GET", "/api/v1/webhooks")]

EXPORT = '{"exported_at": "2024-02-29T00:00:00Z", "apps": [], "connections": []}'

ENOSYS, EOPNOTSUPP, EPERM = 38, 95, 1

needs_landlock = pytest.mark.skipif(VERSION < 1, reason="this machine's kernel has no Landlock")


@pytest.fixture(scope="session")
def intruder_library(tmp_path_factory):
    return build_library("intruder", tmp_path_factory.mktemp("intruder"))


class Intruder:
    """What he tries, and how it has to go, in a folder that no program has to do with."""

    def __init__(self, library, folder, keys):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.secret, self.traces = folder / "secret", folder / "traces"
        self.secret.write_text("not for Hallpass\n")
        self.keys = keys
        self.connect = f"connect:{self.listener.getsockname()[1]}"
        self.signal = f"signal:{os.getpid()}"
        self.settings = {"LD_PRELOAD": str(library), "INTRUDER": " ".join([
            f"read:{self.secret}", "read:/etc/passwd", f"write:{self.traces}", f"read:{keys}", f"write:{keys}",
            "run:/usr/bin/true", self.connect, "take:0", self.signal])}

    def expected(self, calls_out, replaces_keys=False):
        return {
            f"read:{self.secret}": "EACCES",
            "read:/etc/passwd": "done" if calls_out else "EACCES",  # which is where name servers are configured
            f"write:{self.traces}": "EACCES",
            f"read:{self.keys}": "done",
            f"write:{self.keys}": "done" if replaces_keys else "EACCES",
            "run:/usr/bin/true": "EACCES",
            self.connect: "done" if calls_out or VERSION < 4 else "EACCES",
            "take:0": "done" if VERSION < 4 else "EACCES",
            self.signal: "done" if VERSION < 6 else "EPERM",
        }

    @staticmethod
    def told(log):
        return dict(re.findall(r"^intruder (\S+) (\S+)$", log, re.MULTILINE))


@pytest.fixture
def intruder(intruder_library, tmp_path):
    """The keys are in a folder of their own, as in the package."""
    (tmp_path / "keys").mkdir()
    intruder = Intruder(intruder_library, tmp_path, tmp_path / "keys/encryption.keys")
    with intruder.listener:
        yield intruder


def settings_of(intruder):
    return {"HALLPASS_ENCRYPTION_KEY_FILE": intruder.keys, "HALLPASS_LOG_LEVEL": "debug"} | intruder.settings


def knock(api):
    """Each family has opened its database after that."""
    for method, path in DOORS:
        assert api.call(method, path, json={} if method == "POST" else None).status < 500


def log_of(stack, name):
    return (stack.directory / f"logs/{name}.log").read_text()


@needs_landlock
def test_whoever_takes_a_program_over_that_serves_is_fenced_in(private_stack, intruder):
    stack = private_stack(**settings_of(intruder))
    knock(stack.create_project().api)
    for name in RESPONDERS:
        assert intruder.told(log_of(stack, name)) == intruder.expected(name in CALLERS), name
    wait_until(lambda: len(intruder.told(log_of(stack, "worker"))) == len(intruder.expected(True)),
               what="the worker's intruder")
    assert intruder.told(log_of(stack, "worker")) == intruder.expected(True)


@needs_landlock
def test_whoever_takes_a_program_over_that_runs_as_plain_cgi_is_fenced_in(stack, project, intruder):
    shutil.copy(stack.directory / "encryption.keys", intruder.keys)
    settings = settings_of(intruder)
    api = stack.cgi_api(project.key, **{name: str(value) for name, value in settings.items()})
    log = stack.directory / "logs/cgi.log"
    for method, path in DOORS:
        before = log.stat().st_size if log.exists() else 0
        assert api.call(method, path, json={} if method == "POST" else None).status < 500
        with open(log) as file:
            file.seek(before)
            assert intruder.told(file.read()) == intruder.expected(program_of(path) in CALLERS), path
    assert not intruder.traces.exists()


def command(stack, intruder, *words, **settings):
    """A command with the intruder in it: its whole result."""
    return subprocess.run([BUILD / "bin/hallpass", *words], timeout=60, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL,
                          env={"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(stack.config),
                               "HALLPASS_ENCRYPTION_KEY_FILE": str(intruder.keys)} | intruder.settings | settings)


@needs_landlock
@pytest.mark.parametrize("words, role", [
    (("project", "list"), {}),
    (("migrate",), {}),
    (("backup", "{folder}/copies/copy.db"), {}),
    (("keys", "rotate"), {"replaces_keys": True}),
    (("import", "--from", "{folder}/export.json", "--project", "tests"), {"calls_out": True}),
    (("doctor",), {"calls_out": True}),
], ids=lambda each: " ".join(each))
def test_whoever_takes_a_command_over_by_way_of_the_database_is_fenced_in(private_stack, intruder, words, role):
    stack = private_stack(HALLPASS_ENCRYPTION_KEY_FILE=intruder.keys)
    folder = intruder.secret.parent
    (folder / "copies").mkdir()
    (folder / "export.json").write_text(EXPORT)
    (folder / "export.json").chmod(0o600)
    stack.create_project()
    result = command(stack, intruder, *(word.format(folder=folder) for word in words))
    assert result.returncode == 0, result.stdout + result.stderr
    assert intruder.told(result.stderr) == intruder.expected(**{"calls_out": False} | role)
    assert not intruder.traces.exists()


def test_no_thread_of_a_program_that_serves_can_gain_privileges(stack, project):
    knock(project.api)
    for name in [*RESPONDERS, "worker"]:
        for pid in pids_of(stack, name):
            for thread in os.listdir(f"/proc/{pid}/task"):
                assert landlock.has_no_new_privileges(thread), name


# What goes on as before


def sandboxes(log):
    return [line for line in map(json.loads, re.findall(r"^{.*}$", log, re.MULTILINE))
            if line["message"] in ("sandbox", "no sandbox")]


@needs_landlock
def test_the_log_tells_of_the_sandbox_where_it_tells_everything(private_stack):
    stack = private_stack(HALLPASS_LOG_LEVEL="debug")
    for name in [*RESPONDERS, "worker"]:
        line, = sandboxes(log_of(stack, name))
        assert (line["message"], line["level"], line["landlock"]) == ("sandbox", "debug", VERSION)
        assert "error" not in line


def serve(project, zoom):
    """A user connects, the worker looks for their meetings, and a bot of theirs gets its tokens."""
    assert make_joiner(project.stack, zoom, project.api).joins()


def doctor(stack, check):
    findings = json.loads(stack.run("hallpass", "doctor", "--json", check=False).stdout)["findings"]
    return next(finding for finding in findings if finding["check"] == check)


def test_keys_that_are_replaced_are_read_behind_the_fence(private_stack, zoom, tmp_path):
    """By programs that have run before: what they seal now opens with the new key, the only one."""
    (tmp_path / "keys").mkdir()
    keys = tmp_path / "keys/encryption.keys"
    stack = private_stack(HALLPASS_ENCRYPTION_KEY_FILE=keys)
    project = stack.create_project()
    serve(project, zoom)
    before = keys.read_text()
    stack.run("hallpass", "keys", "rotate")
    assert keys.read_text() != before
    serve(project, zoom)
    assert (doctor(stack, "secrets")["level"], doctor(stack, "secrets")["finding"][:18]) == ("ok", "the keys open all ")


def with_a_link_as_folder(folder):
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    return folder / "link/hallpass.db"


def with_a_link_as_file(folder):
    """SQLite keeps its files beside what the link leads to, and we keep ours beside the link."""
    (folder / "link").mkdir()
    (folder / "real").mkdir()
    subprocess.run([BUILD / "bin/hallpass", "init"], check=True, timeout=60, stdout=subprocess.DEVNULL,
                   env={"HALLPASS_DATABASE": str(folder / "real/data.db"),
                        "HALLPASS_ENCRYPTION_KEY_FILE": str(folder / "encryption.keys")})
    (folder / "link/hallpass.db").symlink_to("../real/data.db")
    return folder / "link/hallpass.db"


@pytest.mark.parametrize("lay_out", [with_a_link_as_folder, with_a_link_as_file])
def test_a_database_by_way_of_a_link_is_served_behind_the_fence(private_stack, zoom, tmp_path, lay_out):
    stack = private_stack(HALLPASS_DATABASE=lay_out(tmp_path),
                          HALLPASS_ENCRYPTION_KEY_FILE=tmp_path / "encryption.keys")
    serve(stack.create_project(), zoom)
    assert stack.run("hallpass", "doctor").returncode == 0


def test_a_backup_goes_where_it_is_told(stack, tmp_path):
    stack.run("hallpass", "backup", str(tmp_path / "copy.db"))
    assert (tmp_path / "copy.db").read_bytes()[:15] == b"SQLite format 3"


# Where there is none


@pytest.mark.parametrize("number, why", [
    (ENOSYS, "this kernel has no Landlock"),
    (EOPNOTSUPP, "this kernel's Landlock was not switched on at its start"),
    (EPERM, "this system does not let programs use Landlock: Operation not permitted"),
])
def test_without_landlock_everything_serves_and_says_so_once(private_stack, zoom, intruder_library, number, why):
    missing = {"LD_PRELOAD": str(intruder_library), "NO_LANDLOCK": str(number)}
    stack = private_stack(**missing)
    project = stack.create_project()
    serve(project, zoom)
    knock(project.api)
    for name in [*RESPONDERS, "worker"]:
        line, = sandboxes(log_of(stack, name))
        assert (line["message"], line["level"], line["landlock"], line["error"]) == ("no sandbox", "info", 0, why)
        assert all(landlock.has_no_new_privileges(pid) for pid in pids_of(stack, name))
    assert stack.cgi_api(project.key, **missing).get("/api/v1/bots").status == 200
    assert sandboxes(log_of(stack, "cgi")) == []  # it would be a line for each request


def test_without_landlock_the_doctor_says_that_it_is_missing_and_that_this_is_no_failure(stack, intruder_library):
    settings = {"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(stack.config), "LD_PRELOAD": str(intruder_library),
                "NO_LANDLOCK": str(ENOSYS)}
    result = subprocess.run([BUILD / "bin/hallpass", "doctor", "--json"], timeout=60, capture_output=True, text=True,
                            env=settings)
    finding, = [each for each in json.loads(result.stdout)["findings"] if each["check"] == "sandbox"]
    assert (result.returncode, finding["level"]) == (0, "warn")
    assert finding["finding"] == "programs run without: this kernel has no Landlock"
    assert "lsm=" in finding["advice"]


@needs_landlock
def test_the_doctor_names_the_version_of_landlock(stack):
    finding = doctor(stack, "sandbox")
    assert (finding["level"], finding["advice"]) == ("ok", None)
    assert finding["finding"].startswith(f"Landlock, version {VERSION}: ")


@needs_landlock
def test_a_program_that_starts_before_its_folder_is_there_does_without(stack, project, tmp_path):
    """Else it would be kept out of that folder, once it is there, for as long as it runs."""
    api = stack.cgi_api(project.key, HALLPASS_DATABASE=str(tmp_path / "to come/hallpass.db"),
                        HALLPASS_LOG_LEVEL="debug")
    log = stack.directory / "logs/cgi.log"
    before = log.stat().st_size if log.exists() else 0
    api.get("/api/v1/bots").must_be(503)
    with open(log) as file:
        file.seek(before)
        line, = sandboxes(file.read())
    assert line["error"] == f"{tmp_path}/to come: No such file or directory"
