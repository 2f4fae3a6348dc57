"""The API description: well made, served, drawn, and good enough to make a client of."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml

from support.api_description import FILE, METHODS
from support.stack import BUILD, ROOT
from support.zoom_user import REDIRECT_URI

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = BUILD / "npm/node_modules/.bin"


def run_tool(name, *arguments, **options):
    result = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True, timeout=300,
                            env={"PATH": os.environ["PATH"], "HOME": str(BUILD / "npm"),
                                 "REDOCLY_TELEMETRY": "off"}, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_the_linter_finds_nothing():
    output = run_tool("redocly", "lint", "--config", HERE / "redocly.yaml", FILE)
    assert "Your API description is valid" in output and "warning" not in output, output


def test_the_linter_would_find_something(tmp_path):
    broken = tmp_path / "openapi.yaml"
    broken.write_text(FILE.read_text().replace("#/components/schemas/Bot\"", "#/components/schemas/Bat\""))
    with pytest.raises(AssertionError, match="Bat"):
        run_tool("redocly", "lint", "--config", HERE / "redocly.yaml", broken)


def test_the_description_is_served_as_json(anonymous):
    answer = anonymous.get("/api/v1/openapi.json").must_be(200)
    assert answer.json == yaml.safe_load(FILE.read_text())


def test_the_reference_is_served_and_all_that_it_loads_comes_from_the_same_host(stack):
    def get(path):
        with urllib.request.urlopen(stack.url + path, timeout=10) as answer:
            return answer.headers, answer.read().decode()

    headers, page = get("/docs/")
    assert headers["Content-Type"] == "text/html"
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    loaded = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page)
    assert loaded == ["/api/v1/openapi.json", "/api/v1/openapi.json", "redoc.standalone.js"]
    for path in loaded:
        assert get(urllib.parse.urljoin("/docs/", path))[1]


def routes_of(program):
    """(method, path) of each row of a table of cgi-bin, {id} for :id; the end of a path may be a macro's."""
    text = program.read_text()
    macros = dict(re.findall(r'^#define (\w+)\s+"([^"]*)"$', text, re.MULTILINE))
    for method, parts in re.findall(r'^\t\{ "([A-Z]+)",\s*((?:"[^"]*"|\w+|\s)+),', text, re.MULTILINE):
        path = "".join(macros.get(part, part.strip('"')) for part in re.findall(r'"[^"]*"|\w+', parts))
        yield method, re.sub(r":(\w+)", r"{\1}", path)


def test_what_is_routed_is_described_and_nothing_else():
    routed = [route for program in (ROOT / "cgi-bin").glob("*.c") for route in routes_of(program)]
    described = [(method.upper(), path) for path, item in yaml.safe_load(FILE.read_text())["paths"].items()
                 for method in METHODS if method in item]
    assert sorted(routed) == sorted(described)


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    """The folder of a generated client, with the story that uses it."""
    folder = tmp_path_factory.mktemp("client")
    run_tool("swagger-typescript-api", "--path", FILE, "--output", folder, "--name", "client.ts", "--js", "--silent")
    shutil.copy(HERE / "client_story.mjs", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_a_generated_client_creates_an_app_a_connection_and_a_bot(client, project, zoom):
    app = zoom.create_app(published=True, redirect_uris=[REDIRECT_URI])
    user = zoom.create_user()
    meeting_id = zoom.create_meetings(user["id"], 1)["meetings"][0]["id"]
    code = zoom.authorize(app["client_id"], user["id"], redirect_uri=REDIRECT_URI)["code"]
    given = {"url": project.stack.url, "key": project.api.key,
             "app": {"client_id": app["client_id"], "client_secret": app["client_secret"]},
             "authorization": {"authorization_code": code, "redirect_uri": REDIRECT_URI},
             "meeting_url": f"https://zoom.us/j/{meeting_id}"}
    result = subprocess.run(["node", client / "client_story.mjs"], input=json.dumps(given), text=True,
                            capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr
    got = json.loads(result.stdout)
    assert got["app"]["client_id"] == app["client_id"] and got["app"]["state"] == "active"
    assert got["connection"]["user_id"] == user["id"] and got["connection"]["state"] == "connected"
    assert got["bot"]["meeting_id"] == str(meeting_id) and got["tokens"]["join_flow"] in ("token", "standard")
    assert [each["id"] for each in got["bots"]["results"]] == [got["bot"]["id"]]
    assert got["refused"] == {"status": 400, "code": "invalid_meeting_url"}
