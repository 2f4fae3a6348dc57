"""`hallpass backup` and `hallpass migrate`."""

import contextlib
import shutil
import sqlite3

from support.home import SCHEMA_VERSION, mode


def test_migrate_says_that_nothing_is_to_do(home):
    before = home.files()
    assert home.done("migrate") == (
        f"database {home.database}: has schema version {SCHEMA_VERSION} already, nothing to do\n")
    assert home.files() == before


def test_migrate_says_from_which_version_to_which(empty_home):
    empty_home.database.touch()
    assert empty_home.done("migrate") == (
        f"database {empty_home.database}: migrated from schema version 0 to {SCHEMA_VERSION}\n")


def test_another_version_is_refused_by_all_but_migrate(home):
    home.sql("UPDATE schema_version SET version = 0")
    assert "hallpass migrate" in home.refused("project", "list")
    home.sql("UPDATE schema_version SET version = 99")
    assert "install a newer Hallpass" in home.refused("project", "list")
    assert "install a newer Hallpass" in home.refused("migrate")
    assert home.sql("SELECT version FROM schema_version") == [(99,)]


def test_migrate_needs_a_database(empty_home):
    assert "hallpass init" in empty_home.refused("migrate")
    assert not empty_home.database.exists()


def test_backup_is_a_consistent_copy_while_another_writes(home, tmp_path):
    home.project("in the backup")
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE projects SET name = 'not yet'")
        assert str(copy) in home.done("backup", copy, umask=0)
        writer.execute("COMMIT")
    assert mode(copy) == 0o600
    assert sorted(file.name for file in tmp_path.glob("copy*")) == ["copy.db"]
    with contextlib.closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT name FROM projects").fetchall() == [("in the backup",)]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    home.database.unlink()
    shutil.move(copy, home.database)
    assert "in the backup" in home.done("project", "list")


def test_backup_overwrites_nothing_and_names_what_is_wrong(home, tmp_path):
    there = tmp_path / "there"
    there.write_text("precious")
    assert f"{there}: exists" in home.refused("backup", there)
    assert there.read_text() == "precious"
    complaint = home.refused("backup", tmp_path / "absent/copy.db")
    assert f"{tmp_path}/absent/copy.db: No such file or directory; name a file" in complaint
    home.refused("backup", home.database)
    home.done("project", "list")


def test_backup_and_migrate_need_no_key_file(home, tmp_path):
    home.keys.unlink()
    home.done("backup", tmp_path / "copy.db")
    home.done("migrate")
    assert "hallpass init" in home.refused("project", "list")
