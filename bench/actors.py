"""What a benchmark runs: the product, Zoom's side, load, and baselines. Each ends with its block."""

import concurrent.futures
import contextlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from support.port import free_port  # noqa: E402
from support.processes import pids_of  # noqa: E402
from support.secret_register import SecretRegister  # noqa: E402
from support.stack import BUILD, ROOT, Stack  # noqa: E402
from support.waiting import wait_until  # noqa: E402
from tls import Front  # noqa: E402

REDIRECT_URI = "https://bench.example/callback"
WEBHOOK_SECRET = "bench-webhook-secret"
FIRST_MEETING_ID = 80_000_000_000  # of bench/upstream.c
RUN_S_MAX = 120


def built(program):
    path = BUILD / "bench" / program
    return path if path.exists() else sys.exit(f"{path} is not built: run make bench-programs")


def run(program, *arguments, environment=None, timeout_s=RUN_S_MAX, wrapper=()):
    """One of the programs that print a line of JSON; `wrapper` is a command that starts it."""
    done = subprocess.run([*wrapper, built(program), *map(str, arguments)], check=True, text=True, env=environment,
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=timeout_s)
    return json.loads(done.stdout)


class Upstream:
    """Zoom's side: bench/upstream.c, by itself or behind a tls.Front."""

    def __init__(self, control_url, front=None):
        self.control_url, self.url = control_url, front.url if front else control_url
        self.wrapper = front.among_others if front else ()  # of what calls it
        self.curl_wrapper = front.alone if front else ()  # curl reads them again for each connection

    @classmethod
    @contextmanager
    def running(cls, over_https=False):
        with subprocess.Popen([built("upstream")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as process:
            try:
                url = process.stdout.readline().split()[1]
                with Front.running(url) if over_https else contextlib.nullcontext() as front:
                    yield cls(url, front)
            finally:
                process.stdin.close()  # which ends it

    def get(self, path):
        with urllib.request.urlopen(f"{self.control_url}/_bench/{path}", timeout=10) as answer:
            return json.load(answer)

    def delay(self, mint_ms=0, refresh_ms=0):
        self.get(f"delays?mint={mint_ms}&refresh={refresh_ms}")

    def counts(self):
        return self.get("counts")

    def curl_alone(self, callers, seconds):
        """The baseline: curl itself makes the call that zoom_tokens makes."""
        return run("curl_alone", f"{self.url}/v2/meetings/{FIRST_MEETING_ID + 1}"
                   "/jointoken/local_recording?bypass_waiting_room=true", callers, seconds,
                   "local-recording-token", "Authorization: Bearer access-1-0",
                   "Accept: application/json", wrapper=self.curl_wrapper)


class Hallpass:
    """The product on its stack, with users and bots of theirs, and the access tokens of all cached."""

    def __init__(self, directory, upstream, users=20, bots=500, processes=1, **settings):
        self.directory, self.upstream = pathlib.Path(directory), upstream
        self.stack = Stack(self.directory, SecretRegister(), processes=processes, wrapper=upstream.wrapper, **{
            "HALLPASS_ZOOM_OAUTH_URL": f"{upstream.url}/oauth",
            "HALLPASS_ZOOM_API_URL": f"{upstream.url}/v2", "HALLPASS_LOG_LEVEL": "warn"} | settings)
        self.user_count, self.bot_count = users, bots
        self.connection_ids = []

    @contextmanager
    def up(self):
        self.stack.up()
        try:
            yield self
        finally:
            self.stack.down()

    @classmethod
    @contextmanager
    def running(cls, *arguments, **settings):
        with cls(*arguments, **settings).up() as hallpass:
            hallpass.prepare()
            yield hallpass

    def prepare(self):
        self.upstream.delay()
        project = self.stack.create_project("bench")
        self.key = project.key
        api = project.api
        app = api.post("/api/v1/zoom_oauth_apps", json={
            "client_id": "bench-client", "client_secret": "bench-client-secret",
            "webhook_secret": WEBHOOK_SECRET}).must_be(201).json
        self.webhook_path = f"/api/v1/zoom_oauth/webhooks/{app['id']}"

        def connect(user):
            return api.post("/api/v1/zoom_oauth_connections", json={
                "zoom_oauth_app_id": app["id"], "authorization_code": f"code-{user}",
                "redirect_uri": REDIRECT_URI}).must_be(201).json["id"]

        def make_bot(number):
            user = number % self.user_count
            bot = api.post("/api/v1/bots", json={
                "meeting_url": f"https://zoom.us/j/{FIRST_MEETING_ID + user + 1}",
                "zoom_oauth_connection_id": self.connection_ids[user]}).must_be(201).json
            return f"/api/v1/bots/{bot['id']}/zoom_tokens\n"

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.connection_ids = list(pool.map(connect, range(1, self.user_count + 1)))
            self.paths = list(pool.map(make_bot, range(self.bot_count)))
        (self.directory / "paths").write_text("".join(self.paths))

    def ask_for_tokens(self, clients, how_long):
        """`how_long` is "seconds=…" or "requests=…", of bench/load.c."""
        return run("load", self.stack.port, clients, how_long, "POST", self.directory / "paths",
                   '"join_flow":"token"', f"Authorization: Token {self.key}", "Content-Length: 0")

    def read_bots(self, how_long):
        """One client that asks the program of the tokens for what needs no Zoom."""
        (self.directory / "bots").write_text("".join(path.replace("/zoom_tokens", "") for path in self.paths))
        return run("load", self.stack.port, 1, how_long, "GET", self.directory / "bots", '"id":"bot_',
                   f"Authorization: Token {self.key}")

    def take_events(self, files, clients, seconds, *script_arguments):
        """A run of bench/events.lua; what was answered 200 and is not in the database counts as a failure."""
        before = self.events_stored()
        run = wrk(self.stack.port, self.webhook_path, files, clients, seconds, *script_arguments)
        if run["repeated"]:
            sys.exit(f"the {run['requests']} events of {seconds} s were more than had been prepared: {run['repeated']}"
                     " were sent twice and stored once, so that nothing was measured; prepare more a second")
        run["failures"] += max(0, run["requests"] - (self.events_stored() - before))
        return run

    def events_stored(self):
        return self.stack.database.value("SELECT count(*) FROM zoom_log WHERE body_hash IS NOT NULL")

    def peak_rss_mib(self, program="bots"):
        """The most that any process of the program has had so far."""
        return max(peak_rss_mib(pid) for pid in pids_of(self.stack, program))


def wrk(port, path, files, clients, seconds, *script_arguments, script="events", headers=()):
    """Requests that a script of bench/ makes up, with two threads; the line of JSON that it prints."""
    done = subprocess.run(
        ["wrk", "--threads", "2", "--connections", str(clients), "--duration", f"{seconds}s", "--timeout", "10s",
         "--script", ROOT / f"bench/{script}.lua", *(f"-H{header}" for header in headers),
         f"http://127.0.0.1:{port}{path}", "--", files, *map(str, script_arguments)],
        check=True, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=RUN_S_MAX)
    return json.loads(done.stdout.splitlines()[-1])


def empty_wal(database):
    """
    Brings all of it into the file, whose size says nothing before. Waits as long as the connection does, also for
    who does the same at that moment, whom SQLite itself does not wait for.
    """
    deadline = time.monotonic() + database.execute("PRAGMA busy_timeout").fetchone()[0] / 1000
    while True:
        is_busy, pages, moved = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not is_busy:
            return
        if time.monotonic() > deadline:
            sys.exit(f"the WAL could not be emptied, for somebody still reads or writes: {moved} of its {pages} pages"
                     " are in the database's file, whose size would be false")
        time.sleep(0.01)


class NoOp:
    """bench/no_op.c behind an nginx with the settings of the stack's, and nginx's own answer at /return."""

    def __init__(self, directory, port):
        self.directory, self.port = directory, port

    @classmethod
    @contextmanager
    def running(cls, hallpass, directory, threads):
        no_op = cls(directory, free_port())
        no_op.configure(hallpass.stack)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        with subprocess.Popen(["spawn-fcgi", "-n", "-b", "4096", "-s", directory / "sockets/no_op.sock", "--",
                               built("no_op"), str(threads)], env=environment) as responder:
            try:
                # The addresses of sockets are relative to where it runs.
                with subprocess.Popen(["nginx", "-p", directory, "-c", "nginx/nginx.conf"], cwd=directory,
                                      env=environment, stderr=subprocess.DEVNULL) as nginx:
                    try:
                        no_op.wait_until_ready()
                        yield no_op
                    finally:
                        nginx.terminate()
            finally:
                responder.kill()

    def configure(self, stack):
        for name in "nginx", "sockets", "logs":
            (self.directory / name).mkdir(parents=True)
        for name in "nginx.conf", "hallpass.conf", "server.conf":
            text = (stack.directory / "nginx" / name).read_text()
            text = text.replace(f":{stack.port};", f":{self.port};").replace("zoom_webhooks", "no_op")
            text = text.replace("keepalive 256;", "keepalive 128;")
            if name == "server.conf":
                text += "location = /return {\n\treturn 200;\n}\n"
            (self.directory / "nginx" / name).write_text(text)

    def wait_until_ready(self):
        def answers():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/return", timeout=1).status == 200

        wait_until(answers, what="nginx of the no-op responder")


class SyncingWorker:
    """A process that writes meetings as the worker's sync does: 300 of them in each short transaction."""

    def __init__(self, process):
        self.process = process

    @classmethod
    @contextmanager
    def running(cls, hallpass):
        with subprocess.Popen([sys.executable, ROOT / "bench/sync_meetings.py", hallpass.stack.database.path],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "writing\n"
                yield cls(process)
            finally:
                process.kill()

    def must_still_run(self):
        assert self.process.poll() is None, "it ended before the measurement did"


def peak_rss_mib(pid):
    return status_mib(pid, "VmHWM")


def rss_mib(pid):
    return status_mib(pid, "VmRSS")


def status_mib(pid, name):
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024
