"""`hallpass project` and `hallpass api-key`."""

import hashlib
import json
import re

import pytest

ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


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
    for key in made["api_key"], made["api_key"][:7], "key_made_up":
        complaint = home.refused("api-key", "revoke", key)
        assert "no API key has that id" in complaint and key not in complaint


@pytest.mark.parametrize("command", ["create", "list"])
def test_an_api_key_of_no_project_is_refused(home, command):
    assert "no project has the id 'proj_none'" in home.refused("api-key", command, "proj_none")
    assert home.sql("SELECT count(*) FROM api_keys") == [(0,)]
