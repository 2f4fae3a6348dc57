"""The whole product under one directory (scripts/stack), and what a test asks of it."""

import os
import pathlib
import subprocess

from .cgi import CgiApi
from .database import Database
from .http_client import Api
from .port import free_port
from .project import Project

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()


class Stack:
    """Settings are environment variables: HALLPASS_ZOOM_TIMEOUT_MS=1500."""

    def __init__(self, directory, secrets, processes=1, wrapper=(), **settings):
        """`processes` of each responder; `wrapper` is a command that starts it all."""
        self.directory, self.secrets = pathlib.Path(directory), secrets
        self.processes, self.wrapper = processes, wrapper
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.directory / "hallpass.conf"
        self.answers = self.directory / "answers"
        self.settings = {name: str(value) for name, value in settings.items()}
        self.database = Database(self.directory / "hallpass.db")
        self.anonymous = self.api(None)

    def up(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("HALLPASS_")}
        subprocess.run(
            [*self.wrapper, ROOT / "scripts/stack", "up", "--dir", self.directory, "--port", str(self.port),
             "--processes", str(self.processes), "--build", BUILD],
            env=environment | self.settings, check=True, timeout=120, stdout=subprocess.DEVNULL)
        return self

    def down(self):
        subprocess.run([ROOT / "scripts/stack", "down", "--dir", self.directory], check=True,
                       timeout=120)

    def api(self, key):
        return Api(self.url, key, self.secrets, self.answers)

    def create_project(self, name="tests"):
        return Project.create(self, name)

    def run(self, program, *arguments, check=True):
        """A program of build/bin on this stack's configuration: `run("hallpass", "doctor")`."""
        return subprocess.run([BUILD / "bin" / program, *arguments], check=check, timeout=60,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(self.config)})

    def cgi_api(self, key, **settings):
        """The same as api(), but each request is a run of its program as plain CGI."""
        return CgiApi(self, BUILD / "cgi-bin", key, settings)

    def logs(self):
        """All that the processes have logged so far."""
        return "".join(file.read_text(errors="replace")
                       for file in sorted((self.directory / "logs").iterdir()))

    def leaks(self):
        """Secrets in clear in the database, its WAL, a log or an answer."""
        at_rest = [*self.directory.glob("hallpass.db*"), *(self.directory / "logs").iterdir()]
        return (self.secrets.find_in(at_rest)
                + self.secrets.find_in([self.answers], answers=True))
