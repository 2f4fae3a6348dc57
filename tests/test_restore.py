"""
`hallpass restore`: a copy takes the place of the database, whole or not at all, whatever lies there and
whoever has it open, and says what that means.
"""

import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import time_travel
from support.authorization import CONNECTIONS, post_code
from support.cgi import read_answer, variables_of
from support.home import HALLPASS, mode
from support.joiner import make_joiner
from support.processes import end, pids_of
from support.stack import BUILD, ROOT
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI

ASIDE = re.compile(r"is kept as (\S+\.replaced-\d{8}T\d{6}Z)\n")


@pytest.fixture
def copy(home, tmp_path):
    """Of a database with one project, which has got another one since."""
    home.project("in the copy")
    home.done("backup", tmp_path / "copy.db")
    home.project("since")
    return tmp_path / "copy.db"


def names(database):
    """Of its projects; read in a copy, for reading leaves files beside a database."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in "", "-wal":
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(f"{database}{suffix}", f"{folder}/read.db{suffix}")
        with contextlib.closing(sqlite3.connect(f"{folder}/read.db")) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return [name for (name,) in opened.execute("SELECT name FROM projects ORDER BY id")]


def restored(home, *arguments):
    """What it said, and where the old database is kept."""
    said = home.done("restore", *arguments)
    aside = ASIDE.search(said)
    return said, aside and home.directory / aside[1]


def others_than(home, *files):
    """The names of all that is there but the usual, and these."""
    usual = {home.config, home.database, home.keys, home.database.with_name("hallpass.db-metrics"), *files}
    return sorted(file.name for file in home.directory.iterdir() if file not in usual)


def change(database, sql, *values):
    with contextlib.closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(sql, values)


# what it does


def test_the_copy_takes_the_place_of_the_database_which_is_kept(home, copy):
    said, aside = restored(home, copy)
    assert f"database {home.database}: replaced" in said
    assert names(home.database) == ["in the copy"] and names(aside) == ["in the copy", "since"]
    assert names(copy) == ["in the copy"]
    assert others_than(home, copy, aside) == []
    assert "hallpass doctor" in said and "older than the world" in said


def test_what_was_replaced_can_be_put_back(home, copy):
    _, first = restored(home, copy)
    said, second = restored(home, first)
    assert names(home.database) == ["in the copy", "since"] and names(second) == ["in the copy"]
    assert first != second and names(first) == ["in the copy", "since"]
    assert "intact" in said


def test_a_database_that_is_gone_is_made_of_the_copy(home, copy):
    home.database.unlink()
    said, aside = restored(home, copy)
    assert aside is None and "there was none" in said
    assert names(home.database) == ["in the copy"] and mode(home.database) == 0o600
    assert others_than(home, copy) == []


@pytest.mark.parametrize("harm", [
    lambda database: database.write_bytes(b""),
    lambda database: database.write_text("These are the minutes of a meeting.\n" * 1000),
    lambda database: os.truncate(database, 4096 + 17),
    lambda database: database.write_bytes(database.read_bytes()[:100] + os.urandom(8000)),
], ids=["emptied", "overwritten", "cut_off", "scribbled_over"])
def test_a_database_that_is_damaged_is_replaced_and_kept_as_it_is(home, copy, harm):
    harm(home.database)
    damaged = home.database.read_bytes()
    _, aside = restored(home, copy)
    assert names(home.database) == ["in the copy"] and aside.read_bytes() == damaged


def with_wal(home, name):
    """Leaves a database behind whose latest project is in the WAL alone, as a kill does it."""
    subprocess.run([sys.executable, "-c", f"""
import os, sqlite3
opened = sqlite3.connect({str(home.database)!r}, isolation_level=None)
opened.execute("INSERT INTO projects (public_id, name, created_at) VALUES ('proj_w', ?, 0)", ({name!r},))
os.kill(os.getpid(), 9)"""], check=False)
    wal = home.database.with_name("hallpass.db-wal")
    assert wal.stat().st_size > 0
    return wal


def test_what_only_the_wal_holds_is_kept_with_the_old_database_and_stays_out_of_the_new(home, copy):
    with_wal(home, "in the WAL")
    _, aside = restored(home, copy)
    assert names(home.database) == ["in the copy"]
    assert names(aside) == ["in the copy", "since", "in the WAL"]
    assert others_than(home, copy, aside) == []


def test_a_wal_without_its_database_is_not_taken_for_the_copys(home, copy):
    wal = with_wal(home, "in the WAL")
    home.database.unlink()
    before = home.files()
    complaint = home.refused("restore", copy)
    assert str(wal) in complaint and "move it away" in complaint
    assert home.files() == before
    wal.unlink()
    home.done("restore", copy)
    assert names(home.database) == ["in the copy"]


def test_the_wal_of_a_damaged_database_does_not_spoil_the_copy(home, copy):
    with_wal(home, "in the WAL")
    with open(home.database, "r+b") as file:
        file.write(b"SQLite no more")
    _, aside = restored(home, copy)
    assert names(home.database) == ["in the copy"]
    assert aside.read_bytes().startswith(b"SQLite no more")


def test_a_copy_with_its_wal_beside_it_is_taken_with_it(home, tmp_path):
    home.project("in the file")
    with_wal(home, "in the WAL")
    for suffix in "", "-wal":
        shutil.copy(f"{home.database}{suffix}", tmp_path / f"files.db{suffix}")
    home.sql("DELETE FROM api_keys")
    home.sql("DELETE FROM projects")
    restored(home, tmp_path / "files.db")
    assert names(home.database) == ["in the file", "in the WAL"]


def test_a_copy_that_is_a_link_or_elsewhere_or_named_like_an_option_will_do(home, copy, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(copy)
    restored(home, link)
    shutil.copy(copy, tmp_path / "--copy")
    home.done("restore", "--", "--copy", cwd=tmp_path)
    assert names(home.database) == ["in the copy"]


def test_a_database_that_is_a_link_stays_one(home, copy, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere/real.db"
    shutil.move(home.database, real)
    home.database.symlink_to(real)
    home.done("restore", copy)
    assert home.database.is_symlink() and names(real) == ["in the copy"]
    assert len(list(real.parent.glob("real.db.replaced-*"))) == 1


def test_modes_are_those_of_the_database_before(home, copy):
    home.database.chmod(0o640)
    _, aside = restored(home, copy)
    assert mode(home.database) == mode(aside) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("is_there", [True, False], ids=["replaced", "made"])
def test_root_leaves_nothing_that_is_roots(home, copy, is_there):
    somebody = 65534
    with tempfile.TemporaryDirectory() as folder:  # which somebody can reach
        directory = pathlib.Path(folder)
        database, holders = directory / "hallpass.db", directory / "hallpass.db-holders"
        shutil.move(home.database, database)
        holders.touch(mode=0o660)
        for file in directory, database, holders:
            os.chown(file, somebody, somebody)
        home.database = database
        home.configure()
        if not is_there:
            database.unlink()
        home.done("restore", copy)
        assert names(database) == ["in the copy"]
        files = [directory, *directory.iterdir()]
        assert len(files) == (4 if is_there else 3)
        assert {(file.stat().st_uid, file.stat().st_gid) for file in files} == {(somebody, somebody)}, files


def test_an_older_copy_is_migrated(home, tmp_path):
    old = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(old)) as database:
        database.executescript((ROOT / "tests/unit/schema_1.sql").read_text())
    said, _ = restored(home, old)
    assert "migrated from schema version 1 to" in said
    assert home.done("migrate").endswith("nothing to do\n")
    assert home.sql("PRAGMA journal_mode") == [("wal",)]


# what it refuses


NO_COPIES = {
    "not_there": (lambda copy: copy.unlink(), "No such file or directory; name a copy"),
    "a_folder": (lambda copy: (copy.unlink(), copy.mkdir()), "is no file"),
    "empty": (lambda copy: os.truncate(copy, 0), "holds nothing"),
    "text": (lambda copy: copy.write_text("Dear diary\n" * 1000), "is no database that can be read: the database"
             " cannot be used: file is not a database"),
    "somebody_elses": (
        lambda copy: (copy.unlink(), change(copy, "CREATE TABLE recipes (id INTEGER)")), "not Hallpass's"),
    "newer": (lambda copy: change(copy, "UPDATE schema_version SET version = 99"), "install a newer Hallpass"),
    "cut_off": (lambda copy: os.truncate(copy, copy.stat().st_size - 4096), "is no database that can be read"),
    "scribbled_over": (lambda copy: scribble(copy), "is damaged"),
    "without_what_it_refers_to": (
        lambda copy: change(copy, "UPDATE api_keys SET project_id = 77"), "is damaged"),
}


def scribble(copy):
    """Over the page in which the projects are."""
    with contextlib.closing(sqlite3.connect(copy)) as database:
        [(page,)] = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'projects'")
    with open(copy, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(200))


@pytest.mark.parametrize("harm, words", NO_COPIES.values(), ids=NO_COPIES)
def test_what_is_no_intact_copy_is_refused_and_nothing_is_touched(home, copy, harm, words):
    harm(copy)
    before = home.files()
    complaint = home.refused("restore", copy)
    assert str(copy) in complaint and words in complaint and "restoring" not in complaint
    assert home.files() == before


def test_the_database_itself_is_no_copy_of_it(home):
    home.project()
    assert "is the database itself" in home.refused("restore", home.database)
    assert names(home.database) == ["a project"]


def test_a_copy_that_somebody_writes_is_no_copy(home, copy):
    with contextlib.closing(sqlite3.connect(copy)) as other:
        other.execute("SELECT * FROM projects").fetchall()
        complaint = home.refused("restore", copy)
        assert f"(process {os.getpid()}) has it open" in complaint and "hallpass backup" in complaint
    assert names(home.database) == ["in the copy", "since"]


def test_a_key_that_is_missing_is_named(home, tmp_path, zoom, secrets):
    """The key of the copy's time has been rotated away."""
    project = home.project("with a secret")
    seal_a_secret(home, project, zoom, secrets)
    home.done("backup", tmp_path / "copy.db")
    old_key = home.keys.read_text()
    home.done("keys", "rotate")
    before = home.files()
    complaint = home.refused("restore", tmp_path / "copy.db")
    assert home.files() == before
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as database:
        [(sealed,)] = database.execute("SELECT client_secret FROM zoom_oauth_apps")
    assert f"needs key {sealed[1:5].hex()} (of 2 secrets)" in complaint
    assert str(home.keys) in complaint and "--yes" in complaint

    rotated = home.keys.read_text()
    home.keys.write_text(rotated + old_key)
    restored(home, tmp_path / "copy.db")
    assert secrets_level(home) == "ok"
    home.keys.write_text(rotated)
    said, _ = restored(home, tmp_path / "copy.db", "--yes")
    assert "2 of its 2 secrets are opened by no key" in said
    assert secrets_level(home) == "fail"


def post(home, project, program, path, body, **settings):
    """A request as a web host runs it: a process that comes and goes."""
    body = json.dumps(body).encode()
    variables = variables_of("POST", path, body, {"Authorization": f"Token {project['api_key']}",
                                                  "Content-Type": "application/json"})
    ran = subprocess.run([BUILD / "cgi-bin" / program], input=body, check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env={"HALLPASS_CONFIG": str(home.config)} | settings | variables)
    return read_answer(ran.stdout)


def seal_a_secret(home, project, zoom, secrets):
    """An app's: its client secret and its webhook secret."""
    app = zoom.create_app()
    secrets.add_app(app["client_id"], app["client_secret"])
    post(home, project, "zoom_oauth_apps", "/api/v1/zoom_oauth_apps",
         {name: app[name] for name in ("client_id", "client_secret", "webhook_secret")},
         HALLPASS_ZOOM_OAUTH_URL=zoom.oauth_url).must_be(201)


def secrets_level(home):
    findings = json.loads(home.run("doctor", "--json").stdout)["findings"]
    return next(each["level"] for each in findings if each["check"] == "secrets")


def test_no_key_file_is_no_restore(home, copy):
    home.keys.unlink()
    assert str(home.keys) in home.refused("restore", copy)
    assert names(home.database) == ["in the copy", "since"]


# who has it open


def test_a_database_that_is_in_use_is_not_replaced(home, copy):
    with contextlib.closing(sqlite3.connect(home.database)) as other:
        other.execute("SELECT * FROM projects").fetchall()
        complaint = home.refused("restore", copy)
        assert "in use by" in complaint and f"(process {os.getpid()})" in complaint
        assert "systemctl stop 'hallpass-*.socket' 'hallpass-*.service'" in complaint
        assert other.execute("SELECT count(*) FROM projects").fetchall() == [(2,)]
    home.done("restore", copy)


def test_responders_and_worker_that_have_nothing_to_do_are_seen(private_stack, tmp_path):
    stack = private_stack()
    project = stack.create_project("in the copy")
    stack.run("hallpass", "backup", tmp_path / "copy.db")
    stack.create_project("since")
    project.api.get("/api/v1/bots").must_be(200)
    programs = ["bots", "worker", *sorted({file.name for file in (stack.directory / "pids").iterdir()}
                                          - {"bots", "worker", "nginx"})]
    for program in programs:
        result = stack.run("hallpass", "restore", tmp_path / "copy.db", check=False)
        if not pids_of(stack, program):
            continue
        if program in ("bots", "worker"):
            assert result.returncode == 1 and "in use by" in result.stderr, result.stdout
            assert names(stack.directory / "hallpass.db") == ["in the copy", "since"]
        end(stack, program)
    stack.run("hallpass", "restore", tmp_path / "copy.db")
    assert names(stack.directory / "hallpass.db") == ["in the copy"]


@contextlib.contextmanager
def python(program):
    """A process that runs it, once it has printed a line; ended with the block."""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_that_lives_with_a_number_keeps_the_database(home, copy):
    """It has the database not open at this moment, but remembers what is in it."""
    with python(f"""
import fcntl, struct, sys
file = open({str(home.database) + "-holders"!r}, "a")
fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 12345, 1, 0))
print("locked", flush=True)
sys.stdin.read()"""):
        assert "in use by a process that is at rest" in home.refused("restore", copy)
    home.done("restore", copy)


def test_who_was_about_to_open_the_old_database_does_not_write_beside_the_new_one(home, copy):
    """It opened the file before, and asks for its lock only after."""
    with open(home.database, "rb") as early:
        began = time.monotonic()
        home.done("restore", copy)
        waited = time.monotonic() - began
        assert os.fstat(early.fileno()).st_ino != home.database.stat().st_ino
    assert waited >= 2.4  # as long as who opens it waits for the lock
    assert names(home.database) == ["in the copy"]


def test_requests_of_a_web_host_that_come_and_go_meanwhile_spoil_nothing(home, tmp_path):
    """They find the old database or the new one, or wait in vain for its lock; none writes into both."""
    project = home.project("in the copy")
    home.done("backup", tmp_path / "copy.db")
    is_over, statuses = threading.Event(), []

    def post_bot():
        return post(home, project, "bots", "/api/v1/bots", {"meeting_url": "https://zoom.us/j/123456789"}).status

    def ask():
        while not is_over.is_set():
            began = time.monotonic()
            statuses.append(post_bot())
            # Or no restore would ever find the database unused.
            time.sleep(random.uniform(0, max(0.02, time.monotonic() - began)))

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            for count in itertools.count():
                if count >= 5 and statuses.count(201) > 10 or any(each.done() for each in asking):
                    break
                home.project(f"since, {count}")
                wait_until(lambda: home.run("restore", tmp_path / "copy.db").returncode == 0, 60, "a restore")
                assert home.sql("SELECT name FROM projects") == [("in the copy",)]
        finally:
            is_over.set()
        for each in asking:
            each.result(60)
    assert set(statuses) <= {201, 503}, statuses
    assert home.sql("PRAGMA integrity_check") == [("ok",)]
    [(count,)] = home.sql("SELECT count(*) FROM bots")
    assert post_bot() == 201 and home.sql("SELECT count(*) FROM bots") == [(count + 1,)]
    for aside in home.directory.glob("*.replaced-*Z"):
        assert names(aside)[0] == "in the copy" and len(names(aside)) == 2


def test_one_restore_at_a_time(home, copy):
    with python(f"""
import fcntl, os, sys
folder = os.open({str(home.directory)!r}, os.O_RDONLY)
fcntl.flock(folder, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()"""):
        assert "another `hallpass restore`" in home.refused("restore", copy)
    home.done("restore", copy)


# what was going on


@pytest.fixture
def own_stack(private_stack, tmp_path):
    """With a name for its copy."""
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=2000)
    stack.copy = tmp_path / "copy.db"
    return stack


def restore_stack(stack, api, while_down=lambda stack: None):
    """Stops it, restores its copy, and starts it again; what restore said."""
    api.hang_up()
    stack.down()
    while_down(stack)
    said = stack.run("hallpass", "restore", stack.copy).stdout
    stack.up()
    return said


def found_lost(joiner):
    return wait_until(lambda: joiner.read()["connection_failure_data"], what="that the user is found lost")


def damage(stack):
    """So that nothing can be read of the database any more."""
    stack.database.path.write_bytes(b"not a database " * 1000)


def test_users_whose_token_was_renewed_since_are_found_out_and_the_others_go_on(own_stack, zoom):
    stack = own_stack
    api = stack.create_project().api
    renewed, untouched = make_joiner(stack, zoom, api), make_joiner(stack, zoom, api)
    stack.run("hallpass", "backup", stack.copy)
    renewed.refresh().must_be(200)
    said = restore_stack(stack, api, damage)
    assert "of the 2 connected users" in said and "could not be taken from the database that was replaced" in said
    # Nobody asks for anything: the worker tries them by itself.
    assert found_lost(renewed)["code"] == "invalid_grant"
    wait_until(lambda: untouched.connected.grant()["refreshes"] == 1, what="that the worker tries the other")
    assert untouched.joins() and untouched.read()["state"] == "connected"
    assert renewed.zoom_tokens()["join_flow_reason"] == "connection_disconnected"
    assert renewed.connected.authorize().must_be(201).json["id"] == renewed.id
    assert renewed.joins()


def test_nobody_is_lost_whose_newest_token_the_replaced_database_still_tells(own_stack, zoom):
    """As after a deletion by mistake: what was deleted is back, and what was renewed since goes on."""
    stack = own_stack
    api = stack.create_project().api
    joiners = [make_joiner(stack, zoom, api) for _ in range(4)]
    renewed, again, _untouched, deleted = joiners
    stack.run("hallpass", "backup", stack.copy)
    renewed.refresh().must_be(200)
    again.connected.authorize().must_be(201)
    api.delete(f"/api/v1/zoom_oauth_connections/{deleted.id}?revoke=false").must_be(200)
    said = restore_stack(stack, api)
    assert "Tokens of 2 users that were renewed since are those of the database that was replaced." in said
    for joiner in joiners:
        assert joiner.refresh().must_be(200).json["state"] == "connected"
        assert joiner.joins()


def test_who_was_deleted_and_is_back_under_another_id_has_the_id_of_before_and_is_not_lost(own_stack, zoom):
    """Zoom has taken back the tokens of the copy."""
    stack = own_stack
    api = stack.create_project().api
    joiner, removed = make_joiner(stack, zoom, api), make_joiner(stack, zoom, api)
    stack.run("hallpass", "backup", stack.copy)
    for each in joiner, removed:
        api.delete(f"/api/v1/zoom_oauth_connections/{each.id}").must_be(200)
    assert joiner.connected.authorize().must_be(201).json["id"] != joiner.id
    assert "Tokens of 1 users" in restore_stack(stack, api)
    assert joiner.refresh().must_be(200).json["state"] == "connected" and joiner.joins()
    assert found_lost(removed)["code"] == "invalid_grant"
    assert joiner.connected.authorize().must_be(201).json["id"] == joiner.id


def test_an_authorization_whose_user_zoom_had_not_told_yet_is_finished_after_the_restore(own_stack, zoom):
    """Its tokens have made those of the copy void."""
    stack = own_stack
    api = stack.create_project().api
    joiner = make_joiner(stack, zoom, api)
    app, user_ids = joiner.connected, [joiner.connected.user_id, zoom.create_user()["id"]]
    stack.run("hallpass", "backup", stack.copy)
    with zoom.fault(client_id=app.client_id, path="/v2/users/me", status=503, times=None):
        for user_id in user_ids:
            code = zoom.authorize(app.client_id, user_id, redirect_uri=REDIRECT_URI)["code"]
            post_code(api, app, code).must_be(503)
        said = restore_stack(stack, api)
    assert "2 authorizations that were posted since, and not finished, are taken over" in said
    time_travel.write(stack, "UPDATE zoom_authorizations SET next_attempt_at = 1 WHERE next_attempt_at IS NOT NULL")
    time_travel.ring(stack)
    wait_until(lambda: stack.database.value("SELECT count(refresh_token) FROM zoom_authorizations") == 0,
               what="the end of both")
    users = api.get(CONNECTIONS).must_be(200).json["results"]
    assert {user["user_id"]: user["state"] for user in users} == dict.fromkeys(user_ids, "connected")
    assert joiner.refresh().must_be(200).json["state"] == "connected" and joiner.joins()


def test_who_was_lost_when_the_copy_was_made_and_has_authorized_since_is_connected(own_stack, zoom):
    stack = own_stack
    api = stack.create_project().api
    refused, removed = make_joiner(stack, zoom, api), make_joiner(stack, zoom, api)
    zoom.remove_grant(**refused.who, event=False)
    zoom.remove_grant(**removed.who, event=True)
    refused.refresh()
    for joiner in refused, removed:
        wait_until(lambda: joiner.read()["state"] == "disconnected", what="the loss")
    stack.run("hallpass", "backup", stack.copy)
    for joiner in refused, removed:
        joiner.connected.authorize().must_be(201)
    assert "Tokens of 2 users" in restore_stack(stack, api)
    for joiner in refused, removed:
        wait_until(lambda: joiner.read()["state"] == "connected", what="that the worker tries it")
        assert joiner.joins()


def test_tokens_that_no_key_opens_do_not_replace_those_of_the_copy(own_stack, zoom):
    """The key file was lost, and it and the database come from the same backup."""
    stack = own_stack
    api = stack.create_project().api
    joiner = make_joiner(stack, zoom, api)
    stack.run("hallpass", "backup", stack.copy)
    keys = (stack.directory / "encryption.keys").read_text()

    def lose_keys(stack):
        stack.run("hallpass", "keys", "rotate")
        time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET generation = generation + 5"
                                  " WHERE connection_id = ?", joiner.id)
        (stack.directory / "encryption.keys").write_text(keys)

    said = restore_stack(stack, api, lose_keys)
    assert "are those of the database that was replaced" not in said
    assert joiner.refresh().must_be(200).json["state"] == "connected" and joiner.joins()


def test_a_refresh_without_an_answer_in_the_replaced_database_is_told_of(own_stack, zoom):
    stack = own_stack
    api = stack.create_project().api
    joiner = make_joiner(stack, zoom, api)
    stack.run("hallpass", "backup", stack.copy)
    with joiner.spoil_refresh(drop="after"):
        joiner.refresh()
    restore_stack(stack, api)
    assert found_lost(joiner)["code"] == "refresh_interrupted"


def test_a_refresh_that_was_under_way_is_one_that_was_interrupted(own_stack, zoom):
    stack = own_stack
    api = stack.create_project().api
    joiner = make_joiner(stack, zoom, api)
    time_travel.expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="after"), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(joiner.refresh)
        joiner.wait_for_refresh_under_way()
        stack.run("hallpass", "backup", stack.copy)
        asked.result()
    restore_stack(stack, api, damage)
    failure = found_lost(joiner)
    assert failure["code"] == "refresh_interrupted" and "interrupted before Zoom's answer" in failure["error"]


def test_bots_that_were_with_a_runner_are_taken_from_it_and_late_ones_are_told_of(own_stack, zoom):
    stack = own_stack
    api = stack.create_project().api
    bots = [api.post("/api/v1/bots", json={"meeting_url": f"https://zoom.us/j/12345678{n}"}).must_be(201).json
            for n in range(3)]
    leases = [api.post("/api/v1/bots/claim", json={"runner_id": "r", "lease_s": 10}).must_be(200).json for _ in range(2)]
    api.post(f"/api/v1/bots/{leases[1]['bot']['id']}/events", json={
        "lease_token": leases[1]["lease_token"], "type": "joined_meeting"}).must_be(200)
    stack.run("hallpass", "backup", stack.copy)
    change(stack.copy, "UPDATE bots SET lease_expires_at = 1 WHERE lease_expires_at IS NOT NULL")
    said = restore_stack(stack, api)
    assert "1 bots are late for joining" in said

    def states():
        return [api.get(f"/api/v1/bots/{bot['id']}").must_be(200).json["state"] for bot in bots]

    wait_until(lambda: states() == ["ready", "fatal_error", "ready"], 60, "the end of the leases")
    assert api.get(f"/api/v1/bots/{bots[1]['id']}").json["events"][-1]["sub_type"] == "heartbeat_timeout"


# killed


def test_a_restore_that_is_killed_anywhere_leaves_one_database_whole(home, copy):
    """And the next one cleans up after it. tests/faults kills it at each step; this one anywhere."""
    for number in range(200):
        change(home.database, "INSERT INTO projects (public_id, name, created_at) VALUES (?, 'x', 0)", f"proj_{number}")
    whole = home.database.read_bytes()
    began = time.monotonic()
    restored(home, copy)
    pause = time.monotonic() - began
    outcomes = set()
    for _ in range(60):
        for file in others_than(home, copy):
            (home.directory / file).unlink()
        home.database.write_bytes(whole)
        with_wal(home, "in the WAL")
        with subprocess.Popen([HALLPASS, "restore", copy], env={"HALLPASS_CONFIG": str(home.config)},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(pause * random.uniform(0.5, 1.5))
            process.kill()
        there = names(home.database)
        pause *= 1.1 if len(there) > 1 else 0.9  # so that it stays where the one becomes the other
        assert there == ["in the copy"] or (len(there) == 203 and there[-1] == "in the WAL"), there
        outcomes.add(len(there))
        _, aside = restored(home, copy)
        assert names(home.database) == ["in the copy"] and names(aside) == there
        assert not [file for file in others_than(home) if "restoring" in file]
    assert outcomes == {1, 203}
