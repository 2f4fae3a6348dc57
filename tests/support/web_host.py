"""`make cgi-bundle` on a web host: Debian's Apache and everything it runs are one user without privileges."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

from .stack import BUILD, Stack
from .state_directory import memory
from .waiting import wait_until

CRON_S = 0.2  # a minute, for tests
NOBODY = 65534
SURROUNDINGS = {"stdin": subprocess.DEVNULL, "env": {"PATH": "/usr/sbin:/usr/bin:/bin"}}

# What a host sets up by itself; the rest is in the bundle's .htaccess.
CONFIGURATION = """
ServerName bots.example.com
ServerRoot "{home}"
Listen 127.0.0.1:{port}
DefaultRuntimeDir apache
PidFile apache/pid
ErrorLog hallpass/logs/apache.log
{modules}
TypesConfig /dev/null
KeepAliveTimeout 75
DocumentRoot public_html
<Directory "{home}/public_html">
	AllowOverride FileInfo Indexes Limit Options=ExecCGI,Indexes,MultiViews
	Require all granted
</Directory>
{settings}
"""
MODULES = ("authz_core", "mime", "dir", "alias", "setenvif")
SERVERS = {
    "mod_cgi": (("mpm_prefork", "cgi"), ""),
    "mod_fcgid": (("mpm_event", "fcgid"), "FcgidIPCDir apache\nFcgidProcessTableFile apache/fcgid.shm"),
}

# Parts of the names of cases that cannot be the same there, and why.
LEFT_OUT = {
    "[cgi": "Apache itself runs the programs as CGI: there is one way to ask, and [fastcgi] asks that way",
    "-cgi]": "likewise",
    "test_the_worker_frees_a_bot_as_well": "its worker logs for people",
    "test_who_could_not_be_heard": "its programs come and go, and none knows since when it can be heard",
    "a%2Fb": "Apache knows no slash inside of a segment, and says so before it reads .htaccess",
}
NOT_ON_A_WEB_HOST = {
    "mod_cgi": LEFT_OUT,
    "mod_fcgid": LEFT_OUT | {
        "test_however_many_wait_each": "it lets a request wait a second for a program where all are busy",
        "test_a_slow_zoom_keeps_nothing_waiting": "it has a process for each request, and not that many",
        "test_a_body_over_1_mib": "it takes 128 KiB unless the host's own configuration says more",
    },
}


class WebHost(Stack):
    """A stack as others, to who asks it over HTTP; `server` is the module of Apache's that runs the programs."""

    def __init__(self, server, secrets, modules=(), configuration="", **settings):
        """More `modules` and lines of `configuration` are what one host has beyond others."""
        # The folders of pytest are closed to other users.
        self.home = tempfile.TemporaryDirectory(
            prefix="hallpass-", dir=memory(for_programs=True), ignore_cleanup_errors=True)
        self.root = pathlib.Path(self.home.name)
        super().__init__(self.root / "hallpass", secrets, **settings)
        self.server, self.modules, self.configuration = server, modules, configuration
        self.is_down = threading.Event()
        self.failed_runs = []  # what the worker logged in them

    def up(self):
        self.upload()
        self.configure()
        self.run("hallpass", "init")
        with open(self.directory / "logs/apache_start.log", "ab") as log:
            self.apache = subprocess.Popen(
                [*self.user(), "apache2", "-DFOREGROUND", "-f", self.root / "apache/apache.conf"], cwd=self.root,
                stdout=log, stderr=log, start_new_session=True, **SURROUNDINGS)  # it ends all of its group
        self.cron = threading.Thread(target=self.run_cron)
        self.cron.start()
        try:
            wait_until(self.is_ready, what="Apache")
        except AssertionError:
            self.down()
            raise AssertionError(self.logs()) from None
        return self

    def upload(self):
        shutil.copytree(BUILD / "hallpass-cgi/hallpass", self.directory)
        shutil.copytree(BUILD / "hallpass-cgi/web", self.root / "public_html")
        for folder in (self.root / "apache", self.directory / "logs"):
            folder.mkdir()

    def configure(self):
        modules, settings = SERVERS[self.server]
        (self.root / "apache/apache.conf").write_text(CONFIGURATION.format(
            home=self.root, port=self.port, settings=f"{settings}\n{self.configuration}", modules="\n".join(
                f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                for name in (*MODULES, *modules, *self.modules))))
        with open(self.config, "a") as config:
            for name, value in self.settings.items():
                config.write(f"{name.removeprefix('HALLPASS_').lower()} = {value}\n")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.root], check=True, timeout=60)

    def user(self):
        """Begins a command of the host's customer."""
        if os.geteuid() != 0:
            return []
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def is_ready(self):
        try:
            return self.anonymous.get("/ready").status == 200
        except OSError:
            return False

    def run_cron(self):
        """A run that fails does not keep the next one from coming, as with any cron."""
        while not self.is_down.wait(CRON_S):
            try:
                run = subprocess.run([*self.user(), self.directory / "hallpass-worker", "--once"], timeout=120,
                                     stderr=subprocess.PIPE, text=True, **SURROUNDINGS)
            except subprocess.TimeoutExpired as error:
                self.failed_runs.append(str(error))
                continue
            with open(self.directory / "logs/worker.log", "a") as log:
                log.write(run.stderr)
            if run.returncode != 0 and "code=database_busy" not in run.stderr:
                self.failed_runs.append(f"status {run.returncode}: {run.stderr}")

    def down(self):
        self.is_down.set()
        self.cron.join()
        self.apache.terminate()
        self.apache.wait(60)
        assert not self.failed_runs, self.failed_runs

    def run(self, program, *arguments, check=True):
        return subprocess.run([*self.user(), self.directory / program, *arguments], check=check, timeout=60,
                              capture_output=True, text=True, **SURROUNDINGS)

    def cgi_api(self, key):
        return self.api(key)

    def leaks(self):
        """The WAL comes and goes with the processes; it stays while somebody looks at the database."""
        with self.database.open() as database:
            database.execute("SELECT count(*) FROM projects").fetchone()
            return super().leaks()
