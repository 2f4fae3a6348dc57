"""The product's database as the tests look at it: read only, while it is in use."""

import sqlite3
from contextlib import closing


class Database:
    def __init__(self, path):
        self.path = path

    def rows(self, sql, *values):
        """[{column: value}]; each call sees what is committed by then."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(sql, values)]

    def row(self, sql, *values):
        """The only row."""
        rows = self.rows(sql, *values)
        assert len(rows) == 1, f"{len(rows)} rows: {sql}"
        return rows[0]

    def value(self, sql, *values):
        """The only column of the only row."""
        (value,) = self.row(sql, *values).values()
        return value
