"""What all commands of the operator's command line have in common: words, exit status, whom they complain to."""

import contextlib
import pathlib
import re
import sqlite3
import subprocess

import pytest

from support.home import as_services, keep_to_root, root_alone
from support.stack import BUILD, ROOT

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
def test_a_wrong_call_is_one_line_that_says_how_it_is_done(empty_home, arguments):
    before = empty_home.files()
    complaint = empty_home.refused(*arguments, status=2)
    assert re.search(r"(usage: hallpass \w|see: hallpass help)", complaint)
    assert empty_home.files() == before


def test_half_a_command_is_told_its_other_halves(empty_home):
    assert "create, list, delete" in empty_home.refused("project", status=2)
    assert "create, list, revoke" in empty_home.refused("api-key", "frobnicate", status=2)


COMMANDS = ["init", "migrate", "doctor", "backup", "restore", "project create", "project list", "project delete",
            "api-key create", "api-key list", "api-key revoke", "keys rotate", "import", "help"]


def test_help_names_every_command(empty_home):
    output = empty_home.done("help")
    assert empty_home.done("--help") == output
    assert re.findall(r"^  (\w\S*(?: [a-z]+)?)", output, re.MULTILINE) == COMMANDS
    assert "HALLPASS_CONFIG" in output


def test_the_readme_has_every_command():
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", text[text.index("### Commands"):text.index("### At night")], re.MULTILINE)
    named = [name for row in rows[1:] for name in re.findall(r"`(.*?)`", row)]
    assert sorted(named) == sorted(set(COMMANDS) - {"help"})


def test_the_manual_has_every_command_as_help_has_it(empty_home):
    manual = (ROOT / "packaging/man/hallpass.1").read_text()
    usages = re.findall(r"^\.TP\n(.*)", manual[manual.index(".SH COMMANDS"):manual.index(".SH ENV")], re.MULTILINE)
    assert [re.sub(r"\\f.", "", usage).replace("\\-", "-") for usage in usages] == re.findall(
        r"^  (\S.*)", empty_home.done("help"), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_usage_and_does_nothing_else(empty_home, command):
    before = empty_home.files()
    assert empty_home.done(*command.split(), "--help").startswith(f"usage: hallpass {command}")
    assert empty_home.files() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_what_the_command_tells_of_itself(empty_home, command):
    assert empty_home.done("help", *command.split()) == empty_home.done(*command.split(), "--help")


@pytest.mark.parametrize("half", ["project", "api-key", "keys"])
def test_half_a_command_tells_the_usage_of_all_that_begin_with_it(empty_home, half):
    output = empty_home.done(half, "--help")
    assert empty_home.done("help", half) == output
    assert re.findall(r"^  (\w\S* [a-z]+)", output, re.MULTILINE) == [
        command for command in COMMANDS if command.startswith(half + " ")]


def test_help_of_what_is_no_command_is_wrong_usage(empty_home):
    assert "unknown command 'frobnicate'" in empty_home.refused("help", "frobnicate", status=2)
    assert "'x' is one argument too many" in empty_home.refused("help", "init", "x", status=2)


WORKER = BUILD / "bin/hallpass-worker"


def test_the_worker_tells_its_usage_and_version_and_does_nothing_else(empty_home):
    before = empty_home.files()
    assert empty_home.done("--help", program=WORKER).startswith("usage: hallpass-worker [--once]\n")
    assert empty_home.done("--version", program=WORKER) == empty_home.done("--version").replace(" ", "-worker ")
    assert empty_home.files() == before


@pytest.mark.parametrize("arguments, wrong", [
    (["--frobnicate"], "unknown option '--frobnicate'"), (["now"], "'now' is one argument too many"),
    (["--once", "--twice"], "unknown option '--twice'"), (["--once", "x"], "'x' is one argument too many")])
def test_a_wrong_call_of_the_worker_is_one_line_that_says_how_it_is_done(empty_home, arguments, wrong):
    result = empty_home.run(*arguments, program=WORKER)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"hallpass-worker: {wrong}; usage: hallpass-worker [--once]\n"


@pytest.mark.skipif(pathlib.Path("/etc/hallpass/hallpass.conf").exists(), reason="this machine has a configuration")
@pytest.mark.parametrize("command, absent", [
    (["project", "list"], "encryption.keys"), (["backup", "copy.db"], "hallpass.db"), (["migrate"], "hallpass.db")])
def test_who_has_named_no_configuration_is_told_how_to(empty_home, command, absent):
    variables = {"HALLPASS_DATABASE": str(empty_home.database), "HALLPASS_ENCRYPTION_KEY_FILE": str(empty_home.keys)}
    result = subprocess.run([empty_home.program, *command], capture_output=True, text=True, check=False,
                            env=variables, cwd=empty_home.directory)
    assert result.returncode == 1
    assert re.fullmatch(rf"hallpass: \w+ {empty_home.directory}/{absent}: .*; `hallpass init` makes one, if you have no copy"
                        r" to (put back|restore); or name your configuration in HALLPASS_CONFIG\n", result.stderr)


def test_version_is_one_line(empty_home):
    assert re.fullmatch(r"hallpass \d+\.\d+\.\d+\n", empty_home.done("--version"))


@pytest.mark.parametrize("command", [
    ["init"], ["migrate"], ["backup", "copy.db"], ["project", "list"], ["project", "create", "x"], ["api-key", "list", "x"]])
def test_a_wrong_configuration_is_named_by_file_line_and_key(empty_home, command):
    empty_home.configure("frobnicate = 1")
    before = empty_home.files()
    complaint = empty_home.refused(*command, cwd=empty_home.directory)
    assert f"{empty_home.config} line 3: unknown key 'frobnicate'" in complaint
    assert empty_home.files() == before


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


def test_a_configuration_that_is_not_there_is_named(empty_home):
    empty_home.config.unlink()
    assert empty_home.refused("init") == (
        f"hallpass: {empty_home.config}: cannot read the configuration: No such file or directory;"
        " name it in HALLPASS_CONFIG\n")


@pytest.mark.parametrize("command", [["migrate"], ["backup", "copy.db"], ["project", "list"]])
def test_a_database_that_is_not_there_is_not_made(empty_home, command):
    empty_home.keys.write_text("A" * 43 + "=\n")
    empty_home.keys.chmod(0o600)
    before = empty_home.files()
    complaint = empty_home.refused(*command, cwd=empty_home.directory)
    assert str(empty_home.database) in complaint and "hallpass init" in complaint
    assert empty_home.files() == before


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
