"""A configuration with a database and a key file of its own, and the command line on it."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import stat
import subprocess
import tempfile

import pytest

from .stack import BUILD, ROOT

HALLPASS = BUILD / "bin/hallpass"
SCHEMA_VERSION = re.search(r"schema_version \(version\) VALUES \((\d+)\)", (ROOT / "schema.sql").read_text())[1]
SERVICES = 65534  # the user of the services, where root is needed to be somebody else
as_services = {"user": SERVICES, "group": SERVICES, "extra_groups": []}
root_alone = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


class Home:
    """A configuration, and the command line on it."""

    program = HALLPASS

    def __init__(self, directory):
        self.directory = directory
        self.database = directory / "hallpass.db"
        self.keys = directory / "encryption.keys"
        self.config = directory / "hallpass.conf"
        self.configure()

    def configure(self, *lines):
        lines = (f"database = {self.database}", f"encryption_key_file = {self.keys}", *lines)
        self.config.write_text("".join(f"{line}\n" for line in lines))

    def run(self, *arguments, **options):
        options = {"stdout": subprocess.PIPE} | options
        program = options.pop("program", self.program)
        return subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, timeout=60,
                              stderr=subprocess.PIPE, text=True,
                              env={"HALLPASS_CONFIG": str(self.config)}, **options)

    def done(self, *arguments, **options):
        """Its output; it must have worked without a word of complaint."""
        result = self.run(*arguments, **options)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    def refused(self, *arguments, status=1, **options):
        """Its complaint, one line; it must have failed and answered nothing."""
        result = self.run(*arguments, **options)
        assert result.returncode == status, result.stderr
        assert not result.stdout
        assert re.fullmatch(r"hallpass: [^\n]+\n", result.stderr)
        return result.stderr

    def project(self, name="a project"):
        return json.loads(self.done("project", "create", name, "--json"))

    def sql(self, sql, *values):
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            return database.execute(sql, values).fetchall()

    def add_app(self, project_id, client_secret=b"not sealed at all"):
        self.sql("INSERT INTO zoom_oauth_apps (public_id, project_id, client_id, client_secret, state,"
                 " created_at, updated_at) SELECT 'zoapp_' || id, id, 'client', ?, 'active', 0, 0"
                 " FROM projects WHERE public_id = ?", client_secret, project_id)

    def files(self):
        """All that is there, with mode and content."""
        return {file.relative_to(self.directory): (mode(file), file.is_file() and file.read_bytes())
                for file in self.directory.rglob("*")}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def served_home(zoom_host):
    """A home that root has made for the user of the services, whose the data are, and who may read the rest."""
    with tempfile.TemporaryDirectory() as folder:  # which that user can reach
        directory = pathlib.Path(folder)
        directory.chmod(0o755)
        home = Home(directory)
        home.program = shutil.copy(home.program, directory)
        home.database = directory / "data/hallpass.db"
        home.configure(f"zoom_oauth_url = {zoom_host.url}/oauth", f"zoom_api_url = {zoom_host.url}/v2")
        home.done("init")
        for file in home.database.parent, *home.database.parent.iterdir(), home.keys:
            os.chown(file, SERVICES, SERVICES)
        yield home


def keep_to_root(path):
    os.chown(path, 0, 0)
    path.chmod(0o700 if path.is_dir() else 0o600)
