"""`hallpass init`: what it makes, and what it leaves alone."""

import contextlib
import sqlite3

from support.home import SCHEMA_VERSION, mode


def test_init_makes_a_database_and_a_key_file_that_are_its_owners_alone(empty_home):
    output = empty_home.done("init", umask=0)
    assert f"key file {empty_home.keys}: made" in output
    assert f"database {empty_home.database}: made, schema version {SCHEMA_VERSION}" in output
    assert mode(empty_home.database) == mode(empty_home.keys) == 0o600
    assert empty_home.sql("PRAGMA journal_mode") == [("wal",)]
    keys = [line for line in empty_home.keys.read_text().splitlines() if not line.startswith("#")]
    assert [len(key) for key in keys] == [44]
    assert {file.name for file in empty_home.directory.iterdir()} == {"hallpass.conf", "hallpass.db", "encryption.keys"}


def test_init_again_says_what_is_there_and_changes_nothing(home):
    home.project()
    before = home.files()
    output = home.done("init")
    assert f"key file {home.keys}: is there already" in output
    assert f"database {home.database}: is there already with schema version {SCHEMA_VERSION}" in output
    assert home.files() == before


def test_init_makes_what_is_missing_beside_what_is_there(home):
    home.project()
    key = home.keys.read_bytes()
    database = home.database.read_bytes()
    home.keys.unlink()
    assert "is there already" in home.done("init")
    assert home.keys.read_bytes() != key and home.database.read_bytes() == database
    key = home.keys.read_bytes()
    home.database.unlink()
    assert "is there already" in home.done("init")
    assert home.keys.read_bytes() == key and home.done("project", "list") == ""


def test_init_makes_the_folder_of_a_file_but_no_path_to_it(empty_home):
    empty_home.database = empty_home.directory / "data/hallpass.db"
    empty_home.keys = empty_home.directory / "keys/encryption.keys"
    empty_home.configure()
    empty_home.done("init", umask=0)
    assert mode(empty_home.database.parent) == mode(empty_home.keys.parent) == 0o700
    empty_home.database = empty_home.directory / "absent/data/hallpass.db"
    empty_home.configure()
    result = empty_home.run("init")
    assert result.returncode == 1 and f"folder {empty_home.database.parent}: No such file" in result.stderr
    assert not (empty_home.directory / "absent").exists()


def test_init_finishes_what_was_interrupted(empty_home):
    empty_home.database.touch(mode=0o600)
    assert f"database {empty_home.database}: made" in empty_home.done("init")
    assert empty_home.sql("PRAGMA journal_mode") == [("wal",)]
    empty_home.project()


def test_init_leaves_somebody_elses_files_alone(empty_home):
    with contextlib.closing(sqlite3.connect(empty_home.database)) as database, database:
        database.execute("CREATE TABLE recipes (id INTEGER)")
    before = empty_home.files()
    assert "not Hallpass's" in empty_home.refused("init")
    assert empty_home.files() == before
    empty_home.database.write_text("These are the minutes of a meeting.\n" * 100)
    before = empty_home.files()
    assert str(empty_home.database) in empty_home.refused("init")
    assert empty_home.files() == before


def test_init_makes_no_new_key_where_secrets_wait_for_the_old_one_unless_told_to(home):
    home.add_app(home.project()["project_id"])
    home.keys.unlink()
    before = home.files()
    complaint = home.refused("init")
    assert str(home.keys) in complaint and "put back your copy" in complaint and "init --yes" in complaint
    assert home.files() == before
    home.done("init", "--yes")
    assert home.keys.exists()
