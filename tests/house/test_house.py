"""The tree keeps to the plan of the house, and the tools that watch over it notice when it does not."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def floors(root):
    return subprocess.run([ROOT / "tests/house/floors", root], capture_output=True, text=True)


def test_the_tree_keeps_to_the_plan():
    result = floors(ROOT)
    assert result.returncode == 0, result.stderr
    assert "keep to the plan" in result.stdout


def test_a_tree_without_files_is_refused(tmp_path):
    assert floors(tmp_path).returncode == 1


PLANTED = {
    "a_floor_above": ("src/base/planted.c", '#include "store/db.h"', "store is above base"),
    "the_same_floor": ("src/store/planted.c", '#include "http/client.h"', "http is beside store"),
    "the_same_floor_at_the_top": ("src/api/planted.c", '#include "cli/main.h"', "cli is beside api"),
    "a_floor_above_in_a_header": ("src/zoom/planted.h", '#include "broker/mint.h"', "broker is above zoom"),
    "an_include_without_folder": ("src/zoom/planted.c", '#include "api.h"', 'write "folder/name.h"'),
    "an_include_of_no_folder": ("cgi-bin/planted.c", '#include "elsewhere/x.h"', 'write "folder/name.h"'),
    "a_folder_without_floor": ("src/extra/planted.c", "int x;", "no folder that has a floor"),
    "a_file_without_folder": ("src/planted.c", "int x;", "no folder that has a floor"),
    "sqlite_elsewhere": ("src/store/planted.c", "#include <sqlite3.h>", "belongs to src/store/db_internal.h"),
    "sqlite_by_another_door": (
        "src/store/planted.c", '#include "store/db_internal.h"', "belongs to the files of the store that speak"),
    "curl_elsewhere": ("src/zoom/planted.c", "#include <curl/curl.h>", "belongs to src/http/client"),
    "fastcgi_elsewhere": ("cgi-bin/planted.c", "#include <fcgiapp.h>", "belongs to src/serve/responder"),
    "the_fastcgi_printf": ("src/serve/responder.c", "#include <fcgi_stdio.h>", "redefines printf"),
    "openssl_elsewhere": ("src/store/planted.c", "#include <openssl/evp.h>", "belongs to src/base"),
    "libmd_elsewhere": ("src/base/planted.c", "#include <sha2.h>", "belongs to src/base/crypto"),
    "jansson_in_base": ("src/base/planted.c", "#include <jansson.h>", "the floors above base"),
    "an_unknown_library": ("src/base/planted.c", "#include <zlib.h>", "without an owner"),
    "strcpy": ("src/base/planted.c", "void f(char *a)\n{\n\tstrcpy(a, a);\n}", "calls strcpy"),
    "strcat": ("src/base/planted.c", "void f(char *a)\n{\n\tstrcat (a, a);\n}", "calls strcat"),
    "sprintf": ("src/base/planted.c", "void f(char *a)\n{\n\tsprintf(a, a);\n}", "calls sprintf"),
    "gets": ("src/base/planted.c", "void f(char *a)\n{\n\tgets(a);\n}", "calls gets"),
    "strtok": ("src/base/planted.c", "void f(char *a)\n{\n\tstrtok(a, a);\n}", "calls strtok"),
    "atoi": ("src/cli/planted.c", "int f(char *a)\n{\n\treturn atoi(a);\n}", "calls atoi"),
    "system": ("src/cli/planted.c", "int f(char *a)\n{\n\treturn system(a);\n}", "calls system"),
    "popen": ("src/cli/planted.c", "void f(char *a)\n{\n\tpopen(a, a);\n}", "calls popen"),
    "goto_with_scoped": (
        "src/broker/planted.c",
        "void f(void)\n{\n\tSCOPED(buffer) struct buffer b = { 0 };\n\tgoto out;\nout:\n\treturn;\n}",
        "goto in a function with SCOPED"),
    "a_name_that_says_nothing": ("src/base/util.c", "int x;", "a name that says nothing"),
    "a_header_that_says_nothing": ("src/api/common.h", "int x;", "a name that says nothing"),
    "a_typedef_of_a_struct": ("src/base/planted.h", "typedef struct planted planted_t;", "behind a typedef"),
    "a_macro_for_all_elsewhere": ("src/base/planted.h", "#define TWICE(x) ((x) + (x))", "defines the macro TWICE()"),
    "select": ("src/api/planted.c", 'char *s = "SELECT id FROM bots";', "SQL outside of src/store"),
    "insert": ("src/api/planted.c", 'char *s = "INSERT INTO bots";', "SQL outside of src/store"),
    "update": ("src/broker/planted.c", 'char *s =\n\t"UPDATE bots "\n\t"SET x = 1";', "planted.c:2: has SQL"),
    "delete": ("src/worker/planted.c", 'char *s = "DELETE FROM bots";', "SQL outside of src/store"),
    "with": ("src/worker/planted.c", 'char *s = "WITH due AS (";', "SQL outside of src/store"),
    "begin": ("src/worker/planted.c", 'char *s = "BEGIN IMMEDIATE";', "SQL outside of src/store"),
    "commit": ("src/worker/planted.c", 'char *s = "COMMIT";', "SQL outside of src/store"),
    "pragma": ("src/cli/planted.c", 'char *s = "PRAGMA integrity_check";', "SQL outside of src/store"),
}


@pytest.fixture
def copy(tmp_path):
    for top in ("src", "cgi-bin"):
        shutil.copytree(ROOT / top, tmp_path / top)
    return tmp_path


def plant(root, name, text):
    file = root / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n")


@pytest.mark.parametrize("violation", PLANTED)
def test_the_checker_bites_on(violation, copy):
    name, text, message = PLANTED[violation]
    plant(copy, name, text)
    result = floors(copy)
    assert result.returncode == 1
    assert any(line.startswith(name + ":") and message in line
               for line in result.stderr.splitlines()), result.stderr


ALLOWED = {
    "a_floor_below": ("src/api/planted.c", '#include "base/error.h"\n#include "broker/mint.h"'),
    "its_own_folder": ("src/zoom/planted.c", '#include "zoom/api.h"\n#include <jansson.h>'),
    "everything_in_cgi_bin": ("cgi-bin/planted.c", '#include "api/bots.h"\n#include "serve/process.h"'),
    "banned_names_in_comments_and_strings": (
        "src/base/planted.c", '/* strcpy(a) */\n// sprintf(b)\nchar *s = "system(x) \\" gets(";'),
    "members_and_longer_names": (
        "src/base/planted.c", "void f(struct x *x)\n{\n\tx->system(1);\n\tmy_atoi(2);\n\tx.gets(3);\n}"),
    "goto_without_scoped": (
        "src/base/planted.c",
        "void f(void)\n{\n\tgoto out;\nout:\n\treturn;\n}\nvoid g(void)\n{\n\tSCOPED(x) int y = 1;\n}"),
    "http_methods_and_sentences": (
        "src/api/planted.c", 'char *s[] = { "DELETE", "UPDATE", "SELECT", "Select one", "-----BEGIN KEY" };'),
    "a_constant": ("src/base/planted.h", "#ifndef BASE_PLANTED_H\n#define BASE_PLANTED_H\n#define LIMIT (1)\n#endif"),
    "a_macro_of_one_file": ("src/base/planted.c", "#define FIELD(name) offsetof(struct x, name)"),
    "sql_in_the_store": ("src/store/planted.c", 'char *s = "SELECT id FROM bots";'),
    "a_typedef_of_a_function": ("src/http/planted.h", "typedef struct answer *(*handler)(struct request *);"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_the_checker_lets_pass(case, copy):
    name, text = ALLOWED[case]
    before = floors(copy).stderr
    plant(copy, name, text)
    after = floors(copy).stderr
    assert [line for line in after.splitlines() if line.startswith(name)] == []
    assert len(after.splitlines()) == len(before.splitlines())


def program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)


def units(directory):
    programs = sorted(directory.iterdir())
    return subprocess.run([ROOT / "tests/house/units", *programs], capture_output=True, text=True)


def test_unit_tests_that_pass_show_their_closing_lines(tmp_path):
    program(tmp_path / "test_a", "echo chatter; echo '[  PASSED  ] 3 test(s).'")
    program(tmp_path / "test_b", "echo '[  PASSED  ] 4 test(s).'")
    result = units(tmp_path)
    assert result.returncode == 0
    assert "3 test(s)." in result.stdout and "4 test(s)." in result.stdout
    assert "chatter" not in result.stdout
    assert "2 programs passed" in result.stdout


@pytest.mark.parametrize("text", [
    "echo '[  PASSED  ] 2 test(s).'; echo why; exit 1", "echo why; kill -SEGV $$", "echo why"])
def test_one_unit_test_that_fails_crashes_or_says_nothing_fails_them_all(tmp_path, text):
    program(tmp_path / "test_a", "echo '[  PASSED  ] 3 test(s).'")
    program(tmp_path / "test_b", text)
    result = units(tmp_path)
    assert result.returncode == 1
    assert "test_b: FAILED" in result.stdout and "why" in result.stdout


def test_no_unit_test_at_all_is_refused(tmp_path):
    assert units(tmp_path).returncode == 1


def deps(tmp_path, user, missing, *arguments):
    """scripts/deps on a machine that lacks some packages, and what it had apt-get do."""
    tools = tmp_path / "tools"
    program(tools / "id", f"echo {user}")
    program(tools / "apt-get", f'echo "$*" >>{tmp_path}/asked')
    program(tools / "dpkg-query",
            f'for last; do :; done; case " {missing} " in *" $last "*) exit 1;; esac; printf installed')
    result = subprocess.run([ROOT / "scripts/deps", *arguments], capture_output=True, text=True,
                            env={"PATH": f"{tools}:/usr/bin:/bin"})
    asked = tmp_path / "asked"
    return result, asked.read_text() if asked.exists() else ""


@pytest.mark.parametrize("user", [0, 1000])
def test_deps_asks_nothing_of_the_network_when_everything_is_there(tmp_path, user):
    result, asked = deps(tmp_path, user, "")
    assert (result.returncode, result.stdout, result.stderr, asked) == (0, "", "", "")


def test_deps_installs_exactly_what_is_missing_and_says_so(tmp_path):
    result, asked = deps(tmp_path, 0, "jq libfcgi-dev")
    assert result.returncode == 0
    assert "installing with apt-get: jq libfcgi-dev" in result.stdout
    assert asked == "update\ninstall -y --no-install-recommends jq libfcgi-dev\n"


def test_deps_tells_who_is_not_root_what_to_run(tmp_path):
    result, asked = deps(tmp_path, 1000, "jq")
    assert result.returncode == 1
    assert "apt-get install -y --no-install-recommends jq" in result.stderr
    assert asked == ""


@pytest.mark.parametrize("part, installed", [("build", "gcc"), ("package", "gcc debhelper")])
def test_deps_installs_no_more_than_the_part_that_it_is_asked_for(tmp_path, part, installed):
    result, asked = deps(tmp_path, 0, "gcc debhelper nginx-light cppcheck npm", part)
    assert result.returncode == 0
    assert asked == f"update\ninstall -y --no-install-recommends {installed}\n"


def test_deps_refuses_a_part_that_it_does_not_know(tmp_path):
    result, asked = deps(tmp_path, 0, "gcc", "everything")
    assert (result.returncode, asked) == (2, "")
    assert "usage: scripts/deps [build|package]" in result.stderr


def test_deps_tells_what_its_parts_are_and_installs_nothing(tmp_path):
    result, asked = deps(tmp_path, 0, "gcc", "--help")
    assert (result.returncode, asked) == (0, "")
    assert re.findall(r"^  (\w+)  ", result.stdout, re.MULTILINE) == ["build", "package"]
