"""The demo as a stranger meets it, and the page that sends a stranger to it."""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

from support.stack import BUILD, ROOT
from support.waiting import wait_until

TIME_LIMIT_S = 120
FOLDER = re.compile(r"/\S*?/hallpass-demo-[^/\s.]+")


def environment(folder, **variables):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"BUILD": str(BUILD), "TMPDIR": str(folder), "TERM": "xterm"} | variables


def processes_in(folder):
    """Command lines of what still runs in or on the folder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = os.readlink(process / "cwd")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in words or where.startswith(str(folder)):
            found.append(words)
    return found


def assert_nothing_is_left(folder, text):
    assert not list(folder.iterdir())
    assert not processes_in(folder)
    for port in set(re.findall(r"http://127\.0\.0\.1:(\d+)", text)):
        refused = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/"], check=False)
        assert refused.returncode == 7, f"something still listens on port {port}"


def run(folder, *arguments, **variables):
    return subprocess.run([ROOT / "scripts/demo", *arguments], capture_output=True, text=True, check=False,
                          timeout=TIME_LIMIT_S, stdin=subprocess.DEVNULL, env=environment(folder, **variables))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One run without a terminal, and the folder in which it had its own."""
    folder = tmp_path_factory.mktemp("plain")
    return run(folder), folder


def commands_of(text):
    """The blocks that are indented and not an answer."""
    blocks = re.findall(r"(?:^    [^│\n].*\n)+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


def test_it_works_without_a_terminal_and_leaves_nothing(plain):
    done, folder = plain
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\033" not in done.stdout
    assert_nothing_is_left(folder, done.stdout)


def test_every_step_of_the_story_is_there_in_order(plain):
    text = plain[0].stdout
    at = 0
    for told in ["project create demo", "export KEY=hp_",
                 "$API/zoom_oauth_apps", "201 Created", '"state": "active"',
                 "$API/webhooks", "201 Created", '"secret": "whsec_', "export WEBHOOK_SECRET=whsec_",
                 "$ZOOM/oauth/authorize", "?code=", "$API/zoom_oauth_connections", '"state": "connected"',
                 "/meetings?page_size=100", "│ 40\n",
                 "url_validation", '"valid": true', '"event": "meeting.created"', '"signature": "v0=',
                 '"event": "meeting.started"', "401 Unauthorized", '"code": "invalid_signature"',
                 "$API/bots", '"join_flow": "token"',
                 "zoom_tokens", '"app_privilege_token": "',
                 "$API/token_callbacks", "201 Created", '"engine": "attendee"', "X-Webhook-Signature: $SIGNATURE",
                 "200 OK", '"app_privilege_token": "',
                 "expire_access_tokens", "│ 50 token\n", "grant_type=refresh_token", "│ 1\n",
                 '"event": "app_deauthorized"', '"state": "disconnected"', '"code": "app_deauthorized"',
                 "/body", '"trigger": "zoom_oauth_connection.state_change"', '"state": "disconnected"',
                 "openssl dgst -sha256 -mac HMAC -macopt hexkey:$SECRET_HEX", "/webhook-signature", "│ v1,",
                 '"join_flow": "standard"', '"join_flow_reason": "connection_disconnected"',
                 "$ZOOM/oauth/authorize", '"state": "connected"', '"join_flow": "token"',
                 "calls that Hallpass made, 1 of them a refresh", "For the real Zoom"]:
        found = text.find(told, at)
        assert found >= 0, f"{told!r} does not come after:\n{text[:at][-500:]}"
        at = found + len(told)


def test_the_connection_is_the_same_one_throughout(plain):
    assert len(set(re.findall(r"zoauth_\w+", plain[0].stdout))) == 1


def test_lines_fit_and_tokens_are_shortened(plain):
    text = FOLDER.sub("/tmp/hallpass-demo-12345678", plain[0].stdout)
    # Where the tree and its build are is not the demo's choice.
    text = text.replace(str(BUILD), "build").replace(str(ROOT), "/root/hallpass")
    assert [line for line in text.split("\n") if len(line) > 100] == []
    for token in re.findall(r'"(?:app_privilege_token|signature|encryptedToken)": "([^"]*)"', text):
        assert token.endswith("…")


def read_until(stream, told):
    text = ""
    deadline = time.monotonic() + TIME_LIMIT_S
    while told not in text:
        assert time.monotonic() < deadline, text
        line = stream.readline()
        assert line, f"it ended:\n{text}"
        text += line
    return text


def test_every_command_works_when_pasted(tmp_path):
    demo = subprocess.Popen([ROOT / "scripts/demo", "--stay"], stdout=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, env=environment(tmp_path))
    try:
        text = read_until(demo.stdout, "until Ctrl-C")
        commands = commands_of(text)
        assert sum("curl" in command for command in commands) >= 15
        # One shell for all of them, as a person has; each as indented as it was printed.
        script = "set -e -o pipefail\n"
        for number, command in enumerate(commands):
            indented = "".join(f"    {line}\n" for line in command.splitlines())
            script += f"echo '== {number}'\n{indented}\n"
        (tmp_path / "curl").mkdir()
        (tmp_path / "curl/.curlrc").write_text('write-out = "%{stderr}%{http_code}\\n"\n')
        pasted = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True,
                                env=environment(tmp_path, CURL_HOME=str(tmp_path / "curl")),
                                check=False, timeout=TIME_LIMIT_S)
        assert pasted.returncode == 0, pasted.stdout + pasted.stderr
        told = re.findall(r"\b\d{3}\b", pasted.stderr)
        assert told.count("401") == 1  # the forged event
        assert set(told) <= {"200", "201", "401"}, pasted.stderr
        for found in ("api key hp_", "50 token"):
            assert found in pasted.stdout
        assert "FAIL" not in pasted.stdout  # the doctor's
        secret, = set(re.findall(r'"client_secret": "([^"]+)"', text))
        sealed = re.search(r"hex\(client_secret\) = (\w+)", pasted.stdout)[1]
        assert secret.encode().hex().upper() not in sealed
    finally:
        demo.send_signal(signal.SIGINT)
        rest = demo.communicate(timeout=TIME_LIMIT_S)[0]
    assert demo.returncode == 0, rest
    for file in (tmp_path / "curl/.curlrc", tmp_path / "curl"):
        file.unlink() if file.is_file() else file.rmdir()
    assert_nothing_is_left(tmp_path, text)


class Terminal:
    """The demo on a pseudo-terminal."""

    def __init__(self, folder, columns=80, **variables):
        self.text = ""
        self.process, self.master = pty.fork()
        if self.process == 0:
            termios.tcsetwinsize(0, (24, columns))
            os.execve(ROOT / "scripts/demo", ["demo"], environment(folder, **variables))

    def read(self, until=None):
        deadline = time.monotonic() + TIME_LIMIT_S
        while until is None or until not in self.text:
            assert time.monotonic() < deadline, self.text
            if not select.select([self.master], [], [], 1)[0]:
                continue
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # nobody has the terminal any more
                assert until is None, self.text
                break
        return self.text

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")

    def end(self):
        self.read()
        os.close(self.master)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def test_on_a_terminal_it_is_in_colour_and_stays_until_ctrl_c(tmp_path):
    terminal = Terminal(tmp_path)
    text = terminal.read(until="until Ctrl-C")
    assert "\033[36mcurl" in text
    url = re.search(r"Up at (http://[\d.:]+)", text)[1]
    folder = pathlib.Path(FOLDER.search(text)[0])
    assert subprocess.run(["curl", "-sf", f"{url}/ready"], check=False, stdout=subprocess.DEVNULL).returncode == 0
    for told in (f"{folder}/logs/", f"sqlite3 -line {folder}/hallpass.db", "hallpass doctor"):
        assert told in text
    assert folder.is_dir() and processes_in(folder)
    terminal.press_ctrl_c()
    assert terminal.end() == 0, terminal.text
    assert "Traceback" not in terminal.text
    assert_nothing_is_left(tmp_path, text)


def test_it_has_no_colour_where_none_is_wanted(tmp_path):
    terminal = Terminal(tmp_path, NO_COLOR="1")
    assert "\033" not in terminal.read(until="until Ctrl-C")
    terminal.press_ctrl_c()
    assert terminal.end() == 0, terminal.text


@pytest.mark.parametrize("columns", [80, 200])
def test_prose_fits_the_terminal_and_is_never_wider_than_a_page(tmp_path, columns):
    terminal = Terminal(tmp_path, columns, NO_COLOR="1")
    terminal.read(until="until Ctrl-C")
    terminal.press_ctrl_c()
    assert terminal.end() == 0, terminal.text
    prose = [line for line in terminal.text.split("\r\n") if not line.startswith(" ") and " " in line]
    longest = max(map(len, prose))
    assert (longest <= 80) if columns == 80 else (90 < longest <= 96)


def children_of(process):
    return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def begins(program, process):
    """Whether it has come as far as Python's own handling of Ctrl-C, which is a traceback."""
    proc = pathlib.Path(f"/proc/{process}")
    caught = re.search(r"SigCgt:\s*(\w+)", (proc / "status").read_text())[1]
    return program in (proc / "cmdline").read_text() and int(caught, 16) >> (signal.SIGINT - 1) & 1 == 1


@pytest.mark.parametrize("is_reached", [
    lambda demo: begins("tests/demo", demo),
    lambda demo: any(begins("zoom_simulator", child) for child in children_of(demo))], ids=["the demo", "its Zoom"])
def test_ctrl_c_while_it_starts_is_no_traceback(tmp_path, is_reached):
    terminal = Terminal(tmp_path)
    wait_until(lambda: is_reached(terminal.process))
    terminal.press_ctrl_c()
    assert terminal.end() == 128 + signal.SIGINT, terminal.text
    assert terminal.text.replace("^C", "").strip() == ""
    assert_nothing_is_left(tmp_path, "")


@pytest.mark.parametrize("told", ["stage door", "a recording bot", "Somebody who"])
def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path, told):
    terminal = Terminal(tmp_path)
    terminal.read(until=told)
    terminal.press_ctrl_c()
    assert terminal.end() == 128 + signal.SIGINT, terminal.text
    assert "Traceback" not in terminal.text
    assert_nothing_is_left(tmp_path, terminal.text)


def test_it_ends_in_silence_when_nobody_reads_on(tmp_path):
    """As with `make demo | less`, and q."""
    demo = subprocess.Popen([ROOT / "scripts/demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, env=environment(tmp_path))
    text = read_until(demo.stdout, "stage door")
    demo.stdout.close()
    assert demo.stderr.read() == ""
    assert demo.wait(TIME_LIMIT_S) == 128 + signal.SIGPIPE
    assert_nothing_is_left(tmp_path, text)


def test_a_step_that_goes_wrong_ends_it_with_the_reason(tmp_path):
    """A worker that does nothing: the meetings never come."""
    build = tmp_path / "build"
    (build / "bin").mkdir(parents=True)
    (build / "cgi-bin").symlink_to(BUILD / "cgi-bin")
    (build / "bin/hallpass").symlink_to(BUILD / "bin/hallpass")
    (build / "bin/hallpass-worker").write_text("#!/bin/sh\nexec sleep 1000\n")
    (build / "bin/hallpass-worker").chmod(0o755)
    folder = tmp_path / "demo"
    folder.mkdir()
    done = run(folder, BUILD=str(build))
    assert done.returncode == 1
    assert re.search(r"^demo: step 5 \(.*\): the worker has synced no meetings within \d+ s$", done.stderr,
                     re.MULTILINE)
    assert "Traceback" not in done.stderr
    kept = re.search(r"the logs are kept in (\S+)", done.stderr)[1]
    assert os.listdir(kept)
    assert not processes_in(folder)


def test_what_is_not_built_is_said_in_one_line(tmp_path):
    done = run(tmp_path, BUILD=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "is not built: run make first" in done.stderr
    assert_nothing_is_left(tmp_path, "")


def test_the_readme_has_the_configuration_that_the_programs_have():
    in_code = re.findall(r"\{FIELD\((\w+)\)", (ROOT / "src/base/config.c").read_text())
    readme = (ROOT / "README.md").read_text()
    in_readme = re.findall(r"^\| `(\w+)` \|", readme[readme.index("### Config"):readme.index("### Comm")], re.MULTILINE)
    assert in_readme == in_code
