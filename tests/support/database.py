"""The product's database as the tests look at it and write into it, while it is in use."""

import ctypes
import os
import sqlite3
from contextlib import closing, contextmanager

LIBC = ctypes.CDLL(None)


@contextmanager
def as_owner_of(path):
    """
    What this thread makes in the file system belongs to the owner of `path`. SQLite as root gives away what it makes
    beside a database, but the owner's own programs are kept out until then.
    """
    owner = os.stat(path)
    if os.geteuid() != 0:
        yield
        return
    before = LIBC.setfsgid(owner.st_gid), LIBC.setfsuid(owner.st_uid)
    try:
        yield
    finally:
        LIBC.setfsuid(before[1])
        LIBC.setfsgid(before[0])


class Database:
    def __init__(self, path):
        self.path = path

    @contextmanager
    def open(self, mode="rw"):
        """A connection of SQLite's on which each statement is committed as it ends, unless BEGIN came before it."""
        with as_owner_of(self.path):
            database = sqlite3.connect(f"file:{self.path}?mode={mode}", uri=True, timeout=20, isolation_level=None)
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # makes what is beside it
        database.row_factory = sqlite3.Row
        with closing(database):
            yield database

    @contextmanager
    def held(self):
        """Another program writes, and does not come to an end; its connection, which may end it earlier."""
        with self.open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def write(self, sql, *values):
        """How many rows it changed."""
        with self.open() as database:
            return database.execute(sql, values).rowcount

    def rows(self, sql, *values):
        """[{column: value}]; each call sees what is committed by then."""
        with self.open("ro") as database:
            return [dict(row) for row in database.execute(sql, values)]

    def snapshot(self, statements, *values):
        """The rows of each, all as of the same moment."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")
            return [[dict(row) for row in database.execute(sql, values)] for sql in statements]

    def row(self, sql, *values):
        """The only row."""
        rows = self.rows(sql, *values)
        assert len(rows) == 1, f"{len(rows)} rows: {sql}"
        return rows[0]

    def value(self, sql, *values):
        """The only column of the only row."""
        (value,) = self.row(sql, *values).values()
        return value
