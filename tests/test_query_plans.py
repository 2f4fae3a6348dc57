"""No statement of the store reads through a table that grows."""

import ast
import re
import sqlite3
import subprocess
from contextlib import closing

import pytest

from support.stack import ROOT

# One row, or one for each kind of job or each host of Zoom's.
SMALL = {"schema_version", "periodic_jobs", "zoom_circuits"}

# "file:name of the statement" -> why it may read through a table.
MAY_SCAN = {
    "project:list_sql": "the operator's list of all projects",
    "project:count_sql": "the operator's list of all projects",
    "app:all_candidates_sql": "ends after the newest 1000 with a webhook secret, which nearly all have",
    "app:refused_sql": "the operator's list, of all projects",
    "app:unvalidated_sql": "the operator's list, of all projects",
    "connection:count_sql": "counts all, in an index alone",
    "connection:failures_sql": "the operator's count, of all projects",
    "bot_queue:count_due_sql": "the operator's count at a restore, of all projects",
    "credentials:schedule_all_sql": "all of them, at a restore",
    "log_entry:newest_at_sql": "reads the last row alone",
}

# Columns that refer to another table, without an index to find them by when the other row goes.
MAY_LACK_INDEX = {
    "zoom_meetings.app_id": "an app is deleted seldom, and its index would cost every sync",
    "zoom_meeting_participants.app_id": "an app is deleted seldom",
}

LITERALS = re.compile(r'(?:(\w+)\[\]\s*=\s*)?((?:"(?:\\.|[^"\\\n])*"\s*)+)')
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"')
QUERY = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
STEP = re.compile(r"(SCAN|SEARCH) (\w+)")

# Searches that find most of the table, or most of what an app ever had, and so are scans as well.
LOOSE = re.compile(r"SEARCH \w+ USING .*\(state=\?\)$"
                   r"|SEARCH (zoom_log|zoom_authorizations) USING .*\(app_id=\?\)$")


def preprocessed(file):
    return subprocess.run(["gcc", "-E", "-P", "-D_GNU_SOURCE", "-std=gnu11", f"-I{ROOT}/src", file],
                          capture_output=True, text=True, check=True).stdout


def statements():
    """("file:name", SQL) of every literal of the store that is a query, its macros resolved."""
    for file in sorted((ROOT / "src/store").glob("*.c")):
        for match in LITERALS.finditer(preprocessed(file)):
            sql = "".join(ast.literal_eval(literal) for literal in LITERAL.findall(match[2]))
            if QUERY.match(sql):
                yield f"{file.stem}:{match[1] or sql}", sql


STATEMENTS = dict(statements())


@pytest.fixture(scope="module")
def database():
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript((ROOT / "schema.sql").read_text())
        yield database


def plan_of(database, sql):
    """The steps, each table by its own name instead of its alias."""
    parameters = {str(number): None for number in range(1, 41)}
    aliases = {alias: table for table, alias in re.findall(
        r"\b(?:FROM|JOIN|UPDATE|INTO) (\w+) (?:AS )?(?!SET|WHERE|ON|LEFT|JOIN|ORDER|UNION)(\w+)", sql)}
    return [STEP.sub(lambda step: f"{step[1]} {aliases.get(step[2], step[2])}", row[3])
            for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


def tables_of(database):
    return {row[0] for row in database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}


def scans_of(database, sql):
    growing = tables_of(database) - SMALL
    return [step for step in plan_of(database, sql) if LOOSE.match(step)
            or step.startswith("SCAN ") and step.split()[1] in growing]


def test_every_statement_of_the_source_is_looked_at():
    text = "".join(file.read_text() for file in (ROOT / "src/store").glob("*.c"))
    written = set(re.findall(r"static const char (\w*sql)\[\]", text))
    assert len(written) > 80
    other = {"begin_write_sql", "begin_read_sql", "commit_sql", "rollback_sql", "mark_sql", "keep_sql",
             "undo_sql", "integrity_sql", "foreign_keys_sql", "wal_sql"}
    assert written - other <= {name.partition(":")[2] for name in STATEMENTS}


@pytest.mark.parametrize("sql", [
    "SELECT * FROM bots WHERE bot_name = $1",
    "SELECT b.id FROM bots b WHERE b.bot_name = $1",
    "DELETE FROM zoom_meetings WHERE is_live = $1",
    "SELECT count(*) FROM bots",
    "UPDATE projects SET name = $1 WHERE id IN (SELECT project_id FROM bots AS b WHERE b.state = $2)",
])
def test_a_scan_is_found_where_there_is_one(database, sql):
    assert scans_of(database, sql)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_reads_through_a_table_that_grows(database, name):
    scans = scans_of(database, STATEMENTS[name])
    if name in MAY_SCAN:
        assert scans, f"{name} scans no more: take it off the list"
    else:
        assert not scans, f"{STATEMENTS[name]}\n{plan_of(database, STATEMENTS[name])}"


@pytest.mark.parametrize("filters, found_by", {
    "connection:by_user": "zoom_oauth_connections_of_user (zoom_user_id=?",
    "connection:by_key": "sqlite_autoindex_zoom_oauth_connections_3 (app_id=? AND deduplication_key=?",
    "connection:by_app": "zoom_oauth_connections_of_app (app_id=?",
    "connection:by_state": "zoom_oauth_connections_by_state (state=? AND project_id=?",
    "connection:by_app_state": "zoom_oauth_connections_of_app_by_state (app_id=? AND state=?",
    "bot:by_key": "bots_by_deduplication_key (project_id=? AND deduplication_key=?",
    "bot:by_url": "bots_by_meeting_url (project_id=? AND meeting_url=?",
    "bot:by_state": "bots_by_state (project_id=? AND state=?",
}.items())
def test_a_narrowed_list_reads_along_the_index_of_what_narrows_it(database, filters, found_by):
    table, narrowed = filters.split(":")
    for direction in "older", "newer":
        plan = plan_of(database, STATEMENTS[f"{table}:{direction}_{narrowed}_sql"])
        assert any(f"USING INDEX {found_by}" in step for step in plan), plan


@pytest.mark.parametrize("direction", ["older", "newer"])
def test_a_list_narrowed_by_time_begins_where_its_cursor_is_and_needs_no_sorting(database, direction):
    """Which of the bounds is the cursor's, a + before the other one says in the statement."""
    plan = plan_of(database, STATEMENTS[f"bot:{direction}_by_time_sql"])
    bounds = "bots_by_join_at (project_id=? AND join_at>? AND join_at<?)"
    assert any(f"USING INDEX {bounds}" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize("narrowed, found_by", [
    ("key", "bots_by_deduplication_key (project_id=? AND deduplication_key=?"),
    ("url", "bots_by_meeting_url (project_id=? AND meeting_url=?")])
def test_what_leaves_few_bots_finds_them_where_time_narrows_as_well(database, narrowed, found_by):
    for direction in "older", "newer":
        plan = plan_of(database, STATEMENTS[f"bot:{direction}_by_{narrowed}_and_time_sql"])
        assert any(f"USING INDEX {found_by}" in step for step in plan), plan


def tables_opened_by(database, sql):
    """To read or to write, those that its rows refer to as well."""
    parameters = {str(number): None for number in range(1, 41)}
    database.execute("PRAGMA foreign_keys = ON")
    pages = [row[3] for row in database.execute(f"EXPLAIN {sql}", parameters) if row[1] in ("OpenRead", "OpenWrite")]
    return {database.execute("SELECT tbl_name FROM sqlite_schema WHERE rootpage = ?", (page,)).fetchone()[0]
            for page in pages}


def test_an_event_goes_into_the_log_without_a_page_of_its_connection(database):
    """Among a million that would be one of its own to read for each event."""
    assert tables_opened_by(database, STATEMENTS["log_entry:add_event_sql"]) == {"zoom_log", "zoom_oauth_apps"}


def test_what_a_row_refers_to_can_go_without_reading_through_the_table(database):
    lacking = set()
    for table in tables_of(database):
        leading = {database.execute(f"SELECT name FROM pragma_index_info('{index}') WHERE seqno = 0")
                   .fetchone()[0]
                   for (index,) in database.execute(f"SELECT name FROM pragma_index_list('{table}')")}
        leading |= {row[0] for row in database.execute(
            f"SELECT name FROM pragma_table_info('{table}') WHERE pk = 1")}
        lacking |= {f"{table}.{column}" for (column,) in database.execute(
            f'SELECT "from" FROM pragma_foreign_key_list(?)', (table,)) if column not in leading}
    assert lacking == set(MAY_LACK_INDEX)
