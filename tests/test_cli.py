"""The operator's command line: every command, its words, its exit status, what it makes and leaves alone."""

import contextlib
import datetime
import email.utils
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading

import pytest

from support import landlock
from support.home import Home, mode
from support.processes import end
from support.stack import BUILD, ROOT, free_port
from support.waiting import wait_until

SCHEMA_VERSION = re.search(r"schema_version \(version\) VALUES \((\d+)\)", (ROOT / "schema.sql").read_text())[1]
root_alone = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
SERVICES = 65534
as_services = {"user": SERVICES, "group": SERVICES, "extra_groups": []}
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture
def empty(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def home(empty):
    empty.done("init")
    return empty


# init


def test_init_makes_a_database_and_a_key_file_that_are_its_owners_alone(empty):
    output = empty.done("init", umask=0)
    assert f"key file {empty.keys}: made" in output
    assert f"database {empty.database}: made, schema version {SCHEMA_VERSION}" in output
    assert mode(empty.database) == mode(empty.keys) == 0o600
    assert empty.sql("PRAGMA journal_mode") == [("wal",)]
    keys = [line for line in empty.keys.read_text().splitlines() if not line.startswith("#")]
    assert [len(key) for key in keys] == [44]
    assert {file.name for file in empty.directory.iterdir()} == {"hallpass.conf", "hallpass.db", "encryption.keys"}


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


def test_init_makes_the_folder_of_a_file_but_no_path_to_it(empty):
    empty.database, empty.keys = empty.directory / "data/hallpass.db", empty.directory / "keys/encryption.keys"
    empty.configure()
    empty.done("init", umask=0)
    assert mode(empty.database.parent) == mode(empty.keys.parent) == 0o700
    empty.database = empty.directory / "absent/data/hallpass.db"
    empty.configure()
    result = empty.run("init")
    assert result.returncode == 1 and f"folder {empty.database.parent}: No such file" in result.stderr
    assert not (empty.directory / "absent").exists()


def test_init_finishes_what_was_interrupted(empty):
    empty.database.touch(mode=0o600)
    assert f"database {empty.database}: made" in empty.done("init")
    assert empty.sql("PRAGMA journal_mode") == [("wal",)]
    empty.project()


def test_init_leaves_somebody_elses_files_alone(empty):
    with contextlib.closing(sqlite3.connect(empty.database)) as database, database:
        database.execute("CREATE TABLE recipes (id INTEGER)")
    before = empty.files()
    assert "not Hallpass's" in empty.refused("init")
    assert empty.files() == before
    empty.database.write_text("These are the minutes of a meeting.\n" * 100)
    before = empty.files()
    assert str(empty.database) in empty.refused("init")
    assert empty.files() == before


def test_init_makes_no_new_key_where_secrets_wait_for_the_old_one_unless_told_to(home):
    home.add_app(home.project()["project_id"])
    home.keys.unlink()
    before = home.files()
    complaint = home.refused("init")
    assert str(home.keys) in complaint and "put back your copy" in complaint and "init --yes" in complaint
    assert home.files() == before
    home.done("init", "--yes")
    assert home.keys.exists()


# project


def test_project_create_shows_the_id_and_the_key_once(home):
    output = home.done("project", "create", "a project")
    found = re.match(r"project (proj_[0-9A-Za-z]{20})\napi key (hp_[0-9A-Za-z]{40})\n", output)
    assert found, output
    digest = hashlib.sha256(found[2].encode()).digest()
    assert home.sql("SELECT projects.public_id, key_sha256 FROM projects JOIN api_keys ON project_id = projects.id") == [
        (found[1], digest)]
    for command in (["project", "list"], ["api-key", "list", found[1]], ["api-key", "list", found[1], "--json"]):
        assert found[2] not in home.done(*command)


def test_project_create_as_json_is_one_object(home):
    for arguments in (["--json", "grüße ☎"], ["grüße ☎", "--json"], ["--json", "--", "grüße ☎"]):
        output = home.done("project", "create", *arguments)
        assert output.count("\n") == 1
        made = json.loads(output)
        assert list(made) == ["project_id", "name", "api_key"]
        assert made["name"] == "grüße ☎"
        assert re.fullmatch(r"proj_[0-9A-Za-z]{20}", made["project_id"])
        assert re.fullmatch(r"hp_[0-9A-Za-z]{40}", made["api_key"])
    assert home.sql("SELECT count(*), count(DISTINCT public_id) FROM projects") == [(3, 3)]


@pytest.mark.parametrize("name", ["", "two\nlines", "a\x7f", b"\xff\xfe", "x" * 256])
def test_a_name_that_could_not_be_shown_is_wrong_usage(home, name):
    home.refused("project", "create", name, status=2)
    assert home.sql("SELECT count(*) FROM projects") == [(0,)]
    project_id = home.project("x" * 255)["project_id"]
    home.refused("api-key", "create", project_id, "--name", name, status=2)
    assert home.sql("SELECT count(*) FROM api_keys") == [(1,)]


def test_project_list_has_all_oldest_first(home):
    assert home.done("project", "list") == ""
    assert json.loads(home.done("project", "list", "--json")) == {"results": []}
    made = [home.project(name) for name in ("second name", "first", "a")]
    lines = home.done("project", "list").splitlines()
    for line, project in zip(lines, made, strict=True):
        assert re.fullmatch(rf"{project['project_id']}  {ISO}  {project['name']}", line)
    results = json.loads(home.done("project", "list", "--json"))["results"]
    assert [(result["project_id"], result["name"]) for result in results] == [
        (project["project_id"], project["name"]) for project in made]
    assert all(re.fullmatch(ISO, result["created_at"]) for result in results)


def test_project_delete_takes_an_unused_project_at_once(home):
    kept, gone = home.project("kept"), home.project("gone")
    assert home.done("project", "delete", gone["project_id"]) == f"project {gone['project_id']}: deleted\n"
    assert [name for (name,) in home.sql("SELECT name FROM projects")] == ["kept"]
    assert home.sql("SELECT count(*) FROM api_keys") == [(1,)]
    assert "no project" in home.refused("project", "delete", gone["project_id"])
    assert home.done("api-key", "list", kept["project_id"])


def test_project_delete_wants_yes_where_apps_or_bots_go_with_it(home):
    project_id = home.project()["project_id"]
    home.add_app(project_id)
    complaint = home.refused("project", "delete", project_id)
    assert "apps (1)" in complaint and "add --yes" in complaint
    assert home.sql("SELECT count(*) FROM zoom_oauth_apps") == [(1,)]
    home.done("project", "delete", project_id, "--yes")
    assert home.sql("SELECT (SELECT count(*) FROM zoom_oauth_apps) + (SELECT count(*) FROM projects)") == [(0,)]


# api-key


def test_api_key_create_adds_another_key(home):
    project_id = home.project()["project_id"]
    made = json.loads(home.done("api-key", "create", project_id, "--name", "a runner", "--json"))
    assert list(made) == ["api_key_id", "project_id", "name", "api_key"]
    assert (made["project_id"], made["name"]) == (project_id, "a runner")
    output = home.done("api-key", "create", project_id, "--name=another")
    found = re.match(r"api key id (key_[0-9A-Za-z]{20})\napi key (hp_[0-9A-Za-z]{40})\n", output)
    assert found, output
    home.done("api-key", "create", project_id)
    stored = home.sql("SELECT name, key_sha256 FROM api_keys ORDER BY id")
    assert [name for name, _ in stored] == ["first", "a runner", "another", "unnamed"]
    assert stored[1][1] == hashlib.sha256(made["api_key"].encode()).digest()
    assert stored[2][1] == hashlib.sha256(found[2].encode()).digest()


def test_api_key_list_shows_how_keys_start_and_which_are_good(home):
    project = home.project()
    other = home.project("other")
    revoked = json.loads(home.done("api-key", "create", project["project_id"], "--json", "--name", "old"))
    home.done("api-key", "revoke", revoked["api_key_id"])
    lines = home.done("api-key", "list", project["project_id"]).splitlines()
    assert re.fullmatch(rf"key_\w{{20}}  {project['api_key'][:7]}…  {ISO}  good  first", lines[0])
    assert re.fullmatch(
        rf"{revoked['api_key_id']}  {revoked['api_key'][:7]}…  {ISO}  revoked {ISO}  old", lines[1])
    assert len(lines) == 2
    output = home.done("api-key", "list", project["project_id"], "--json")
    good, bad = json.loads(output)["results"]
    assert list(good) == ["api_key_id", "name", "api_key_start", "created_at", "revoked_at"]
    assert (good["api_key_start"], good["revoked_at"]) == (project["api_key"][:7], None)
    assert (bad["api_key_id"], bad["name"]) == (revoked["api_key_id"], "old")
    assert re.fullmatch(ISO, bad["revoked_at"])
    assert other["api_key"][:7] not in output


def test_api_key_revoke_names_the_key_by_its_id(home):
    project_id = home.project()["project_id"]
    made = json.loads(home.done("api-key", "create", project_id, "--json"))
    key_id = made["api_key_id"]
    assert home.done("api-key", "revoke", key_id) == f"api key {key_id}: revoked\n"
    before = home.sql("SELECT revoked_at FROM api_keys ORDER BY id")
    assert before[0] == (None,) and before[1] != (None,)
    home.done("api-key", "revoke", key_id)
    assert home.sql("SELECT revoked_at FROM api_keys ORDER BY id") == before
    assert "no API key" in home.refused("api-key", "revoke", made["api_key"][:7])


@pytest.mark.parametrize("command", ["create", "list"])
def test_an_api_key_of_no_project_is_refused(home, command):
    assert "no project 'proj_none'" in home.refused("api-key", command, "proj_none")
    assert home.sql("SELECT count(*) FROM api_keys") == [(0,)]


# migrate and backup


def test_migrate_says_that_nothing_is_to_do(home):
    before = home.files()
    assert home.done("migrate") == f"database {home.database}: has schema version {SCHEMA_VERSION} already, nothing to do\n"
    assert home.files() == before


def test_migrate_says_from_which_version_to_which(empty):
    empty.database.touch()
    assert empty.done("migrate") == f"database {empty.database}: migrated from schema version 0 to {SCHEMA_VERSION}\n"


def test_another_version_is_refused_by_all_but_migrate(home):
    home.sql("UPDATE schema_version SET version = 0")
    assert "hallpass migrate" in home.refused("project", "list")
    home.sql("UPDATE schema_version SET version = 99")
    assert "install a newer Hallpass" in home.refused("project", "list")
    assert "install a newer Hallpass" in home.refused("migrate")
    assert home.sql("SELECT version FROM schema_version") == [(99,)]


def test_migrate_needs_a_database(empty):
    assert "hallpass init" in empty.refused("migrate")
    assert not empty.database.exists()


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


# what all commands have in common


WRONG_CALLS = {
    "no_command": [], "an_unknown_command": ["frobnicate"], "half_a_command": ["project"],
    "an_unknown_half": ["project", "frobnicate"], "half_a_word": ["proj", "list"], "an_empty_word": [""],
    "an_operand_missing": ["project", "create"], "an_operand_missing_before_an_option": ["backup", "--"],
    "an_operand_too_many": ["project", "create", "a", "b"], "an_operand_that_nobody_asked_for": ["init", "x"],
    "an_unknown_option": ["project", "list", "--frobnicate"], "a_short_option": ["project", "list", "-j"],
    "an_option_of_another_command": ["migrate", "--json"], "yes_where_nothing_is_asked": ["project", "list", "--yes"],
    "an_option_without_its_value": ["api-key", "create", "proj_x", "--name"],
    "an_option_with_an_empty_value": ["api-key", "create", "proj_x", "--name="],
    "a_value_for_an_option_that_takes_none": ["project", "list", "--json=yes"],
    "a_line_break": ["frob\nnicate"], "an_operand_with_a_line_break": ["init", "x\ny"],
}


@pytest.mark.parametrize("arguments", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_one_line_that_says_how_it_is_done(empty, arguments):
    before = empty.files()
    complaint = empty.refused(*arguments, status=2)
    assert re.search(r"(usage: hallpass \w|see: hallpass help)", complaint)
    assert empty.files() == before


def test_half_a_command_is_told_its_other_halves(empty):
    assert "create, list, delete" in empty.refused("project", status=2)
    assert "create, list, revoke" in empty.refused("api-key", "frobnicate", status=2)


COMMANDS = ["init", "migrate", "doctor", "backup", "restore", "project create", "project list", "project delete",
            "api-key create", "api-key list", "api-key revoke", "keys rotate", "import", "help"]


def test_help_names_every_command(empty):
    output = empty.done("help")
    assert empty.done("--help") == output
    assert re.findall(r"^  (\w\S*(?: [a-z]+)?)", output, re.MULTILINE) == COMMANDS
    assert "HALLPASS_CONFIG" in output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_usage_and_does_nothing_else(empty, command):
    before = empty.files()
    assert empty.done(*command.split(), "--help").startswith(f"usage: hallpass {command}")
    assert empty.files() == before


def test_version_is_one_line(empty):
    assert re.fullmatch(r"hallpass \d+\.\d+\.\d+\n", empty.done("--version"))


@pytest.mark.parametrize("command", [
    ["init"], ["migrate"], ["backup", "copy.db"], ["project", "list"], ["project", "create", "x"], ["api-key", "list", "x"]])
def test_a_wrong_configuration_is_named_by_file_line_and_key(empty, command):
    empty.configure("frobnicate = 1")
    before = empty.files()
    assert f"{empty.config} line 3: unknown key 'frobnicate'" in empty.refused(*command, cwd=empty.directory)
    assert empty.files() == before


DENIED = {
    "the_configuration": lambda home: home.config,
    "the_keys": lambda home: home.keys,
    "the_database": lambda home: home.database,
    "the_folder_of_the_database": lambda home: home.database.parent,
}


@root_alone
@pytest.mark.parametrize("path_of", DENIED.values(), ids=DENIED)
def test_who_may_not_read_is_told_to_be_the_user_of_the_services(served, path_of):
    path = path_of(served)
    assert served.run("project", "list", **as_services).returncode == 0
    keep_to_root(path)
    complaint = served.refused("project", "list", **as_services)
    assert str(path) in complaint and "the user of the services" in complaint and "hallpass init" not in complaint


@root_alone
@pytest.mark.parametrize("is_folder", [False, True], ids=["in_it", "beside_it"])
def test_who_may_not_write_is_told_whose_the_database_has_to_be(served, is_folder):
    path = served.database.parent if is_folder else served.database
    keep_to_root(path)
    path.chmod(0o755)
    complaint = served.refused("project", "create", "x", **as_services)
    assert "cannot be written" in complaint and "belong to the user of the services" in complaint


def test_a_configuration_that_is_not_there_is_named(empty):
    empty.config.unlink()
    assert empty.refused("init") == (
        f"hallpass: {empty.config}: cannot read the configuration: No such file or directory; name it in HALLPASS_CONFIG\n")


@pytest.mark.parametrize("command", [["migrate"], ["backup", "copy.db"], ["project", "list"]])
def test_a_database_that_is_not_there_is_not_made(empty, command):
    empty.keys.write_text("A" * 43 + "=\n")
    empty.keys.chmod(0o600)
    before = empty.files()
    complaint = empty.refused(*command, cwd=empty.directory)
    assert str(empty.database) in complaint and "hallpass init" in complaint
    assert empty.files() == before


def test_an_answer_that_cannot_be_written_is_a_failure(home):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = home.run("project", "create", "x", stdout=full)
    assert result.returncode == 1
    assert re.fullmatch(r"hallpass: cannot write to standard output[^\n]*\n", result.stderr)


@pytest.mark.parametrize("streams", ["<&-", "2>&-", "<&- 2>&-"])
def test_streams_that_are_closed_keep_no_command_from_its_work(home, streams):
    shell = [f'exec "$0" "$@" {streams}', home.program]
    for command in ["project", "create", "x"], ["keys", "rotate"], ["backup", home.directory / "copy.db"]:
        home.done("-c", *shell, *command, program="/bin/sh")
    assert home.sql("SELECT name FROM projects") == [("x",)]


def test_an_answer_into_a_stream_that_is_closed_is_a_failure(home):
    complaint = home.refused("-c", 'exec "$0" "$@" >&-', home.program, "help", program="/bin/sh")
    assert "standard output" in complaint


def test_a_database_held_by_another_writer_is_a_failure_in_time(home):
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert "try again" in home.refused("project", "create", "x")
        assert home.done("project", "list") == ""
    home.project()


# doctor


class Zoom(http.server.ThreadingHTTPServer):
    """Something that answers, with a clock of its own."""

    ahead_s = 0
    has_date = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), ZoomHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class ZoomHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response_only(404)
        if self.server.has_date:
            now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.server.ahead_s)
            self.send_header("Date", email.utils.format_datetime(now, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def zoom_host():
    with Zoom() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def served(zoom_host):
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


@pytest.fixture
def patient(home, zoom_host):
    """A home where all is well."""
    home.configure(f"zoom_oauth_url = {zoom_host.url}/oauth", f"zoom_api_url = {zoom_host.url}/v2")
    return home


def timeless(text):
    return re.sub(r"\d+ (m?s|MB)\b", r"N \1", text)


def examine(home, status=None):
    """{check: finding}, as --json says it, when the text has said the same; `status` None: either."""
    text, as_json = home.run("doctor"), home.run("doctor", "--json")
    answer = json.loads(as_json.stdout)
    status = text.returncode if status is None else status
    assert text.returncode == as_json.returncode == status, text.stdout
    assert answer["ok"] == (status == 0)
    assert bool(re.fullmatch(r"hallpass: \d+ of \d+ findings FAILed[^\n]*\n", text.stderr)) == (status == 1)
    assert text.stderr == as_json.stderr
    findings = {finding["check"]: finding for finding in answer["findings"]}
    assert len(findings) == len(answer["findings"]) == len(text.stdout.splitlines())
    for line, finding in zip(text.stdout.splitlines(), answer["findings"]):
        word = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}[finding["level"]]
        advice = f": {finding['advice']}" if finding["advice"] else ""
        assert bool(advice) == (finding["level"] != "ok")
        assert timeless(line) == timeless(f"{word} {finding['check']}: {finding['finding']}{advice}")
    return findings


def levels(findings):
    """Of what is not well; that this machine's kernel has no Landlock is not a patient's fault."""
    return {check: finding["level"] for check, finding in findings.items()
            if finding["level"] != "ok" and (check, landlock.version()) != ("sandbox", 0)}


def test_doctor_finds_nothing_where_all_is_well(patient):
    before = patient.files()
    findings = examine(patient, 0)
    assert set(findings) == {"config", "sandbox", "key file", "key folder", "database folder", "database file",
                             "database", "schema", "secrets", "zoom_oauth_url", "zoom_api_url", "zoom circuits",
                             "disk", "clock", "app credentials", "events", "connections", "worker"}
    assert levels(findings) == {}
    assert str(patient.config) in findings["config"]["finding"]
    assert patient.files() == before


def test_doctor_tells_of_a_wrong_configuration(patient):
    patient.configure("threads = many")
    findings = examine(patient, 1)
    assert levels(findings) == {"config": "fail"}
    assert f"{patient.config} line 3: threads" in findings["config"]["finding"]


HARMS = {
    "the_key_file_is_gone": (lambda home: home.keys.unlink(), "key file", "No such file"),
    "others_may_read_the_key_file": (lambda home: home.keys.chmod(0o644), "key file", "chmod 600"),
    "the_key_file_holds_no_key": (lambda home: home.keys.write_text("hush hush\n"), "key file", "not a key"),
    "anybody_may_read_the_database": (lambda home: home.database.chmod(0o604), "database file", "mode 0604"),
    "the_schema_is_newer": (
        lambda home: home.sql("UPDATE schema_version SET version = 99"), "schema", "newer Hallpass"),
    "a_secret_was_sealed_by_no_key": (
        lambda home: home.add_app(home.project()["project_id"]), "secrets",
        "no key opens 1 of 1 (zoom_oauth_apps.client_secret of zoapp_1)"),
}


@pytest.mark.parametrize("harm, check, words", HARMS.values(), ids=HARMS)
def test_doctor_tells_when(patient, harm, check, words):
    harm(patient)
    findings = examine(patient, 1)
    assert levels(findings) == {check: "fail"}
    assert words in findings[check]["finding"]
    assert "hush" not in json.dumps(findings)


def test_doctor_tells_when_anybody_may_replace_the_files(patient):
    patient.directory.chmod(0o777)
    findings = examine(patient, 1)
    assert levels(findings) == {"key folder": "fail", "database folder": "fail"}
    assert "chmod o-w" in findings["database folder"]["advice"]


@root_alone
def test_doctor_sees_as_root_what_the_services_may_do(served):
    assert levels(examine(served, 0)) == {}
    assert {file.stat().st_uid for file in served.database.parent.iterdir()} == {SERVICES}
    keep_to_root(served.keys)
    findings = examine(served, 1)
    assert levels(findings) == {"key file": "fail"} and "Permission denied" in findings["key file"]["finding"]
    served.keys.chmod(0o640)
    os.chown(served.keys, 0, SERVICES)
    assert levels(examine(served, 0)) == {}
    keep_to_root(served.config)
    findings = examine(served, 1)
    assert levels(findings) == {"config": "fail"}
    assert f"{served.config}: Permission denied" in findings["config"]["finding"]


@root_alone
def test_what_root_makes_beside_the_database_is_the_services(served):
    worker = subprocess.Popen([BUILD / "bin/hallpass-worker"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={"HALLPASS_CONFIG": str(served.config)})
    try:
        made = {served.database.with_name(f"hallpass.db-{what}") for what in ("holders", "doorbell", "metrics", "wal")}
        wait_until(lambda: all(file.exists() for file in made), what="the worker's files")
        wait_until(lambda: all(file.stat().st_uid == SERVICES for file in made), what="that they are given away")
    finally:
        worker.terminate()
        worker.wait(30)
    served.done("project", "create", "x")
    assert {(file.stat().st_uid, file.stat().st_gid) for file in served.database.parent.iterdir()} == {
        (SERVICES, SERVICES)}


@root_alone
def test_doctor_tells_of_a_database_that_root_has_put_there(served):
    keep_to_root(served.database)
    findings = examine(served, 0)
    assert levels(findings) == {"database file": "warn"}
    assert f"chown --reference={served.database.parent} {served.database}" in findings["database file"]["advice"]


@root_alone
def test_doctor_says_that_it_cannot_see_as_the_services_do(served):
    shutil.rmtree(served.database.parent)
    assert levels(examine(served, 1)).items() >= {"user": "fail", "database folder": "fail"}.items()


def test_doctor_tells_when_there_is_no_database(patient):
    patient.database.unlink()
    before = patient.files()
    findings = examine(patient, 1)
    assert levels(findings) == {"database": "fail"}
    assert "hallpass init" in findings["database"]["finding"]
    assert patient.files() == before


def test_doctor_tells_when_the_database_is_broken(patient):
    for number in range(300):
        patient.sql("INSERT INTO projects (public_id, name, created_at) VALUES (?, 'x', 0)", f"proj_{number}")
    [(page,)] = patient.sql("SELECT rootpage FROM sqlite_schema WHERE name = 'projects'")
    with open(patient.database, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(200))
    findings = examine(patient, 1)
    assert findings["database"]["level"] == "fail"
    assert "backup" in findings["database"]["advice"]


def test_doctor_tells_when_zoom_is_out_of_reach(patient, zoom_host):
    patient.configure(f"zoom_oauth_url = http://127.0.0.1:{free_port()}", f"zoom_api_url = {zoom_host.url}/v2")
    findings = examine(patient, 1)
    assert levels(findings) == {"zoom_oauth_url": "fail"}
    patient.configure(f"zoom_oauth_url = {zoom_host.url}", f"zoom_api_url = http://127.0.0.1:{free_port()}")
    assert levels(examine(patient, 1)) == {"zoom_api_url": "fail"}


@pytest.mark.parametrize("ahead_s, level", [
    (0, "ok"), (250, "ok"), (-250, "ok"), (350, "warn"), (-350, "warn"), (650, "fail"), (-650, "fail")])
def test_doctor_compares_the_clock_with_zooms(patient, zoom_host, ahead_s, level):
    zoom_host.ahead_s = ahead_s
    finding = examine(patient, 1 if level == "fail" else 0)["clock"]
    assert finding["level"] == level
    seconds = int(re.match(r"\d+", finding["finding"])[0])
    assert abs(seconds - abs(ahead_s)) <= 5
    if level != "ok":
        assert ("behind" if ahead_s > 0 else "ahead of") in finding["finding"]


def test_doctor_says_that_it_could_not_compare_the_clock(patient, zoom_host):
    zoom_host.has_date = False
    assert levels(examine(patient, 0)) == {"clock": "warn"}


@contextlib.contextmanager
def small_disk(patient, zoom_host, size):
    """With the patient's database on it."""
    small = patient.directory / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", small],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        patient.database = small / "hallpass.db"
        patient.configure(f"zoom_oauth_url = {zoom_host.url}/oauth", f"zoom_api_url = {zoom_host.url}/v2")
        patient.done("init")
        yield small
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("size, level", [("20m", "fail"), ("300m", "warn")])
def test_doctor_tells_when_the_disk_is_nearly_full(patient, zoom_host, size, level):
    with small_disk(patient, zoom_host, size):
        findings = examine(patient, 1 if level == "fail" else 0)
        assert levels(findings) == {"disk": level}
        assert abs(int(re.match(r"\d+", findings["disk"]["finding"])[0]) - int(size[:-1])) < 20


def test_a_full_disk_is_named_by_every_command_that_opens_the_database(patient, zoom_host):
    with small_disk(patient, zoom_host, "2m") as small:
        with open(small / "filler", "wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(bytes(4096))
        for command in ["project", "list"], ["migrate"], ["backup", patient.directory / "copy.db"], ["keys", "rotate"]:
            assert "the disk is full" in patient.refused(*command)
        findings = examine(patient, 1)
        assert levels(findings) == {"disk": "fail", "database": "fail"}
        assert "the disk is full" in findings["database"]["finding"]
        (small / "filler").unlink()
        patient.project()


HOUR_US = 3600 * 10**6


def now_us():
    return int(datetime.datetime.now().timestamp() * 10**6)


@pytest.fixture
def with_app(patient):
    """An app that nothing is wrong with but what a case does to it; its secret is sealed as doctor wants it."""
    patient.add_app(patient.project()["project_id"])
    return patient


def test_doctor_names_apps_that_zoom_refuses(with_app):
    with_app.sql("UPDATE zoom_oauth_apps SET state = 'credentials_invalid'")
    finding = examine(with_app, 1)["app credentials"]
    assert (finding["level"], finding["finding"]) == ("warn", "Zoom refuses the client secret of zoapp_1")


@pytest.mark.parametrize("hours, level", [(1, "ok"), (72, "ok"), (74, "warn"), (None, "warn")])
def test_doctor_names_apps_whose_address_zoom_has_not_validated_for_72_hours(with_app, hours, level):
    with_app.sql("UPDATE zoom_oauth_apps SET webhook_secret = x'00', last_url_validation_at = ?",
                 hours and now_us() - hours * HOUR_US)
    finding = examine(with_app, 1)["events"]
    assert finding["level"] == level
    assert ("zoapp_1 " in finding["finding"]) == (level == "warn")


def test_doctor_expects_no_events_of_an_app_without_a_webhook_secret(with_app):
    assert examine(with_app, 1)["events"]["level"] == "ok"


def test_doctor_names_some_apps_where_there_are_many(patient):
    for _ in range(7):
        patient.add_app(patient.project()["project_id"])
    patient.sql("UPDATE zoom_oauth_apps SET state = 'credentials_invalid'")
    finding = examine(patient, 1)["app credentials"]["finding"]
    assert finding.endswith("of zoapp_1, zoapp_2, zoapp_3, zoapp_4, zoapp_5, …")


def add_connections(home, count, failure_code=None):
    for _ in range(count):
        home.sql("INSERT INTO zoom_oauth_connections (public_id, project_id, app_id, zoom_user_id, pmi_at, metadata,"
                 " scopes, is_local_recording_token_supported, is_onbehalf_token_supported, state, failure_code,"
                 " created_at, updated_at) SELECT 'zoauth_' || (SELECT count(*) FROM zoom_oauth_connections), 1, 1,"
                 " 'user_' || (SELECT count(*) FROM zoom_oauth_connections), 0, '{}', '', 1, 0, ?, ?, 0, 0",
                 "disconnected" if failure_code else "connected", failure_code)


def test_doctor_counts_connections_by_why_they_failed(with_app):
    add_connections(with_app, 3)
    add_connections(with_app, 1, "app_deauthorized")
    add_connections(with_app, 2, "invalid_grant")
    finding = examine(with_app, 1)["connections"]
    assert finding["level"] == "warn"
    assert finding["finding"] == "3 connected, 3 disconnected: 2 invalid_grant, 1 app_deauthorized"


def test_doctor_takes_it_for_usual_that_some_users_leave(with_app):
    add_connections(with_app, 19)
    add_connections(with_app, 1, "app_deauthorized")
    finding = examine(with_app, 1)["connections"]
    assert (finding["level"], finding["finding"]) == (
        "ok", "19 connected, 1 disconnected: 1 app_deauthorized")


def asked_at(home, zoom_host, public_url):
    """What doctor finds of that address: its level, and its words."""
    home.configure(f"zoom_oauth_url = {zoom_host.url}", f"zoom_api_url = {zoom_host.url}", f"public_url = {public_url}")
    finding = examine(home)["public_url"]
    return finding["level"], finding["finding"]


def test_doctor_tells_when_nobody_does_the_workers_work(patient):
    patient.project()
    assert levels(examine(patient, 0)) == {}  # it may still come
    patient.sql("UPDATE projects SET created_at = ?", now_us() - HOUR_US)
    findings = examine(patient, 0)
    assert levels(findings) == {"worker": "warn"} and "60 minutes" in findings["worker"]["finding"]
    assert patient.run("--once", program=BUILD / "bin/hallpass-worker").returncode == 0
    assert levels(examine(patient, 0)) == {}
    patient.sql("UPDATE periodic_jobs SET next_at = ?", now_us() - HOUR_US // 4)
    findings = examine(patient, 0)
    assert levels(findings) == {"worker": "warn"} and "15 minutes" in findings["worker"]["finding"]


def test_doctor_asks_each_program_at_the_public_url(patient, zoom_host, stack):
    assert asked_at(patient, zoom_host, stack.url) == ("ok", f"all programs answer at {stack.url}")
    assert asked_at(patient, zoom_host, zoom_host.url) == (
        "fail", f"{zoom_host.url}/ready answers HTTP 404 instead of 200")
    nowhere = f"http://127.0.0.1:{free_port()}"
    level, words = asked_at(patient, zoom_host, nowhere)
    assert level == "warn" and words.startswith(f"{nowhere}/ready cannot be reached: ")


def test_doctor_names_the_program_at_the_public_url_that_does_not_run(patient, zoom_host, private_stack):
    stack = private_stack()
    end(stack, "bots")
    assert asked_at(patient, zoom_host, stack.url) == (
        "fail", f"{stack.url}/api/v1/bots answers HTTP 503 instead of 401")
