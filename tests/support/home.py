"""A configuration with a database and a key file of its own, and the command line on it."""

import contextlib
import json
import re
import sqlite3
import stat
import subprocess

from .stack import BUILD

HALLPASS = BUILD / "bin/hallpass"


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
