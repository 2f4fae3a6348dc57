"""scripts/stack: the whole product under one directory, and what nginx answers by itself there."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from support.port import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
STACK = ROOT / "scripts/stack"
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()


def wait_until(condition, what, limit_s=30):
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s} s"
        time.sleep(0.01)
    return found


def processes(directory):
    """Those that run in the directory: {pid: command line}, without what only waits to be reaped."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.readlink(entry / "cwd") == str(directory):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            pass
    return found


class Stack:
    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()

    def up(self, *options, port=None, build=BUILD, cwd=None, directory=None, env=None):
        return subprocess.run(
            [STACK, "up", "--dir", directory or self.directory, "--port", str(port or self.port),
             "--build", build, *options],
            capture_output=True, text=True, cwd=cwd, timeout=120, env={**os.environ, **(env or {})})

    def down(self, cwd=None, directory=None):
        return subprocess.run([STACK, "down", "--dir", directory or self.directory],
                              capture_output=True, text=True, cwd=cwd, timeout=120)

    def must_be_up(self, *options, **named):
        result = self.up(*options, **named)
        assert (result.returncode, result.stdout) == (0, f"ready http://127.0.0.1:{self.port}\n"), result.stderr
        return self

    def get(self, path, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=not isinstance(body, bytes))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def status(self, path):
        return self.get(path)[0].status

    def pids(self, program):
        """The program itself, not the supervisor that names it among its arguments."""
        return [pid for pid, line in processes(self.directory).items()
                if line[0].endswith(program) or line[:2][-1].endswith(program)]

    def supervisor(self, name):
        return int((self.directory / "pids" / name).read_text().split()[0])


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path / "stack")
    yield stack
    stack.down()
    assert processes(stack.directory) == {}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("shared") / "stack")
    stack.must_be_up()
    yield stack
    stack.down()


def test_two_stacks_run_side_by_side(stack, shared):
    stack.must_be_up()
    assert stack.status("/health") == shared.status("/health") == 200
    assert stack.down().returncode == 0
    assert shared.status("/ready") == 200
    with pytest.raises(ConnectionRefusedError):
        stack.get("/ready")


def test_a_directory_with_a_long_and_odd_name_works(tmp_path):
    stack = Stack(tmp_path / ("a long ; 'name' $x " + "x" * 150) / "stack")
    try:
        stack.must_be_up()
        assert stack.status("/health") == 200
    finally:
        stack.down()
    assert processes(stack.directory) == {}


def test_a_relative_directory_is_that_of_the_caller(stack, tmp_path):
    stack.must_be_up(cwd=tmp_path, directory="stack")
    assert (tmp_path / "stack/hallpass.conf").exists()
    assert stack.down(cwd=tmp_path / "stack", directory=".").returncode == 0
    assert processes(stack.directory) == {}


def open_for_writing(pid):
    """The files and sockets by name, but not the devices."""
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        flags = next(line.split()[1] for line in (entry.parent.parent / "fdinfo" / entry.name).read_text().splitlines()
                     if line.startswith("flags:"))
        target = os.readlink(entry)
        if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY and target.startswith("/") and not target.startswith("/dev/"):
            yield pathlib.Path(target)


def test_nothing_is_written_outside_of_the_directory(stack, tmp_path):
    for name in ("home", "tmp", "elsewhere"):
        (tmp_path / name).mkdir()
    stack.must_be_up(cwd=tmp_path / "elsewhere", env={"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")})
    assert stack.get("/api/v1/bots", "POST", b" " * (1 << 20))[0].status == 401
    written = {file for pid in processes(stack.directory) for file in open_for_writing(pid)}
    assert {"hallpass.db", "hallpass.db-wal"} <= {file.name for file in written}
    assert [file for file in written if stack.directory not in file.parents] == []
    assert stack.down().returncode == 0
    assert [file for name in ("home", "tmp", "elsewhere") for file in (tmp_path / name).iterdir()] == []


def test_every_program_of_the_build_runs_as_often_as_asked(stack):
    stack.must_be_up("--processes", "3")
    for program in (BUILD / "cgi-bin").iterdir():
        wait_until(lambda: len(stack.pids(f"cgi-bin/{program.name}")) == 3, f"3 of {program.name}")
    assert (stack.directory / "pids/worker").exists()


def test_a_killed_responder_comes_back_however_often(stack):
    stack.must_be_up()
    for _ in range(20):
        [pid] = wait_until(lambda: stack.pids("cgi-bin/status"), "the responder")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: stack.pids("cgi-bin/status") not in ([], [pid]), "another process")
    assert stack.status("/ready") == 200


def test_down_leaves_no_process_pid_or_socket_and_keeps_data_and_logs(stack):
    stack.must_be_up()
    (stack.directory / "kept").touch()
    assert stack.down().returncode == 0
    assert processes(stack.directory) == {}
    left = {file.name for file in stack.directory.iterdir()}
    assert {"hallpass.conf", "hallpass.db", "logs", "kept"} <= left
    assert not {"pids", "sockets"} & left
    assert not [file for file in stack.directory.rglob("*") if file.is_socket() or file.suffix == ".pid"]
    assert stack.down().returncode == 0


def test_down_also_ends_what_outlived_its_supervisor(stack):
    stack.must_be_up()
    for name in ("nginx", "status", "worker"):
        os.kill(stack.supervisor(name), signal.SIGKILL)
    os.kill(stack.pids("cgi-bin/bots")[0], signal.SIGSTOP)
    assert processes(stack.directory)
    assert stack.down().returncode == 0
    assert processes(stack.directory) == {}


def test_down_leaves_alone_a_process_that_it_did_not_start(stack):
    stack.must_be_up()
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        pids = stack.directory / "pids"
        _, started = (pids / "worker").read_text().split()
        (pids / "stranger").write_text(f"{stranger.pid} {started}\n")
        assert stack.down().returncode == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_down_of_nothing_says_so(tmp_path):
    result = Stack(tmp_path / "absent").down()
    assert result.returncode == 1
    assert "nothing to stop" in result.stderr


def test_up_twice_is_refused_and_harms_nothing(stack):
    stack.must_be_up()
    before = processes(stack.directory)
    result = stack.up(port=free_port())
    assert result.returncode == 1
    assert "already up" in result.stderr and len(result.stderr.splitlines()) == 1
    assert processes(stack.directory) == before
    assert stack.status("/ready") == 200


def test_up_again_after_down_finds_its_data(stack):
    stack.must_be_up()
    (stack.directory / "hallpass.db").touch()
    inode = (stack.directory / "hallpass.db").stat().st_ino
    stack.down()
    stack.must_be_up()
    assert (stack.directory / "hallpass.db").stat().st_ino == inode


def test_a_port_in_use_is_named_and_nothing_stays(stack, shared):
    result = stack.up(port=shared.port)
    assert result.returncode == 1
    assert f"port {shared.port} is in use" in result.stderr
    assert processes(stack.directory) == {}
    assert shared.status("/ready") == 200


def test_the_callers_settings_reach_every_process_and_the_configuration(stack):
    stack.must_be_up(env={"HALLPASS_LOG_LEVEL": "debug", "HALLPASS_CONFIG": "/nowhere"})
    config = stack.directory / "hallpass.conf"
    programs = [pid for name in ("cgi-bin/status", "cgi-bin/bots", "bin/hallpass-worker")
                for pid in wait_until(lambda: stack.pids(name), name)]
    assert len(programs) == 3
    for pid in programs:
        environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        assert "HALLPASS_LOG_LEVEL=debug" in environment
        assert f"HALLPASS_CONFIG={config}" in environment
    lines = config.read_text().splitlines()
    assert "log_level = debug" in lines
    assert f"database = {stack.directory}/hallpass.db" in lines
    assert f"encryption_key_file = {stack.directory}/encryption.keys" in lines
    assert not [line for line in lines if line.startswith(("config", "public_url"))]


def test_who_waits_for_others_starts_with_what_its_unit_sets(shared):
    def environment(program):
        (pid,) = shared.pids(program)
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")

    (line,) = [line for line in (ROOT / "packaging/systemd/network_out").read_text().splitlines()
               if line.startswith("Environment=")]
    settings = line.removeprefix("Environment=").split()
    for program in "cgi-bin/bots", "cgi-bin/zoom_oauth_connections", "bin/hallpass-worker":
        assert set(settings) <= set(environment(program))
    assert not set(settings) & set(environment("cgi-bin/zoom_webhooks"))


def test_a_setting_that_the_product_refuses_is_told_in_one_line(stack):
    result = stack.up(env={"HALLPASS_THREADS": "many"})
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1 and "threads" in result.stderr.lower()
    assert processes(stack.directory) == {}


def test_a_setting_of_two_lines_is_refused(stack):
    result = stack.up(env={"HALLPASS_LOG_LEVEL": "debug\nthreads = 1"})
    assert result.returncode == 1
    assert "HALLPASS_LOG_LEVEL has a line break" in result.stderr


def test_what_is_not_built_is_named(stack, tmp_path):
    result = stack.up(build=tmp_path / "empty")
    assert result.returncode == 1
    assert "bin/hallpass is not built: run make" in result.stderr


@pytest.mark.parametrize("program, after_s", [("bin/hallpass-worker", 0), ("cgi-bin/status", 0), ("cgi-bin/status", 0.4)],
                         ids=["worker", "status", "status-slowly"])
def test_a_program_that_dies_at_its_start_fails_the_start_and_stops_the_rest(stack, tmp_path, program, after_s):
    build = tmp_path / "build"
    for folder in ("bin", "cgi-bin"):
        (build / folder).mkdir(parents=True)
        for file in (BUILD / folder).iterdir():
            (build / folder / file.name).symlink_to(file)
    (build / program).unlink()
    (build / program).write_text(f"#!/bin/sh\nsleep {after_s}\necho 'no luck today' >&2\nexit 1\n")
    (build / program).chmod(0o755)
    result = stack.up(build=build)
    assert result.returncode == 1
    assert "does not stay up" in result.stderr.splitlines()[0]
    assert "no luck today" in result.stderr
    assert result.stdout == ""
    assert processes(stack.directory) == {}


@pytest.mark.parametrize("arguments, wrong", [
    ([], "up or down is missing"), (["up"], "--dir is missing"), (["up", "--dir", "x"], "--port is missing"),
    (["up", "--dir", "x", "--port", "0"], "--port takes a number from 1 to 65535, not '0'"),
    (["up", "--dir", "x", "--port", "65536"], "--port takes a number from 1 to 65535, not '65536'"),
    (["up", "--dir", "x", "--port", "1x"], "--port takes a number from 1 to 65535, not '1x'"),
    (["up", "--dir", "x", "--port"], "--port needs a value"), (["down"], "--dir is missing"),
    (["down", "--dir", ""], "--dir is missing"), (["sideways", "--dir", "x"], "unknown command 'sideways'"),
    (["down", "--dir", "x", "--force"], "unknown option '--force'"),
    (["up", "--dir", "x", "--prot", "1024"], "unknown option '--prot'"),
    (["up", "--dir", "x", "--port", "1024", "--processes", "0"], "--processes takes a number from 1 to 999, not '0'")])
def test_a_wrong_call_is_told_what_is_wrong_and_the_usage(arguments, wrong, tmp_path):
    result = subprocess.run([STACK, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"stack: {wrong}\nusage: scripts/stack up ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["down", "--dir", "x", "--help"]])
def test_who_asks_for_help_gets_the_usage(arguments, tmp_path):
    result = subprocess.run([STACK, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.startswith("usage: scripts/stack up ")
    for told in "--processes N  of each", "--build BUILD  where", "HALLPASS_CONFIG=DIR/hallpass.conf":
        assert told in result.stdout
    assert list(tmp_path.iterdir()) == []


def assert_error(answer, body, status, code):
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    error = json.loads(body)
    assert set(error) == {"error", "code"} and error["code"] == code and error["error"]


@pytest.mark.parametrize("path", [
    "/", "/api/v1", "/api/v1/botsX", "/api/v1/bots.json", "/api/v1//bots", "/API/v1/bots", "/error",
    "/api/v1/zoom_oauth_appsX", "/api/v1/zoom_oauth", "/api/v1/zoom_oauth/webhooksX", "/health/", "/readyX"])
def test_nginx_answers_404_for_a_path_of_no_family(shared, path):
    assert_error(*shared.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/health", "/ready", "/health?x=1"])
def test_paths_of_a_family_reach_it(shared, path):
    assert shared.status(path) == 200


def test_a_body_over_the_limit_is_413(shared):
    assert_error(*shared.get("/api/v1/bots", "POST", b"x" * (1 << 20) + b"x"), 413, "body_too_large")
    chunks = (b"x" * 65536 for _ in range(17))
    assert_error(*shared.get("/api/v1/bots", "POST", chunks, {"Transfer-Encoding": "chunked"}),
                 413, "body_too_large")


def test_a_header_or_an_address_over_the_limit_has_the_error_shape(shared):
    assert_error(*shared.get("/ready", headers={"X": "x" * 40000}), 400, "invalid_request")
    assert_error(*shared.get("/" + "x" * 40000), 414, "invalid_request")


def test_a_method_that_nginx_itself_refuses_is_405_with_allow(shared):
    answer, body = shared.get("/api/v1/bots", "TRACE")
    assert_error(answer, body, 405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_a_request_that_is_not_http_has_the_error_shape(shared):
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "invalid_request"


def test_a_responder_that_is_down_is_503_to_be_tried_again_and_no_secret_is_logged(stack):
    stack.must_be_up()
    supervisor = stack.supervisor("bots")
    os.killpg(supervisor, signal.SIGKILL)
    wait_until(lambda: not stack.pids("cgi-bin/bots"), "the end of the responder")
    answer, body = stack.get("/api/v1/bots/hush1?token=hush2", "POST", b"hush3", {"Authorization": "Token hush4"})
    assert_error(answer, body, 503, "service_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    (stack.directory / "sockets/bots.sock").unlink()
    assert_error(*stack.get("/api/v1/bots/hush1?token=hush2"), 503, "service_unavailable")
    assert stack.status("/callbacks/hush5/attendee?hush6") in (404, 405)
    assert stack.get("/api/v1/bots/hush7", "POST", b"hush8" * 300000)[0].status == 413
    assert stack.status("/health") == 200
    stack.down()
    written = [file for file in stack.directory.rglob("*") if file.is_file()]
    assert (stack.directory / "logs/access.log") in written
    assert [file for file in written if b"hush" in file.read_bytes()] == []
