"""`hallpass import`: apps and connections exported elsewhere go on here, under their ids and with their tokens."""

import base64
import datetime
import json
import random
import string
import sys
import types
import urllib.parse
import urllib.request

import pytest

from support import page
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI

CONNECTIONS = "/api/v1/zoom_oauth_connections"


def random_id(prefix):
    """As Attendee makes them."""
    return prefix + "".join(random.choices(string.ascii_letters + string.digits, k=16))


def iso(**ahead):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(**ahead)).isoformat()


class Elsewhere:
    """What has an app and users of the simulator, and can export them; it keeps the refresh token alone."""

    def __init__(self, zoom, secrets):
        self.zoom, self.secrets = zoom, secrets
        self.app = zoom.create_app()
        self.client_id = self.app["client_id"]
        secrets.add_app(self.client_id, self.app["client_secret"])
        self.id = random_id("zoa_")
        self.connections, self.access_tokens = [], {}

    def connect(self, **fields):
        """Another user authorizes; the entry for the file."""
        user = self.zoom.create_user()
        code = self.zoom.authorize(self.client_id, user["id"], redirect_uri=REDIRECT_URI)["code"]
        pair = base64.b64encode(f"{self.client_id}:{self.app['client_secret']}".encode()).decode()
        request = urllib.request.Request(
            f"{self.zoom.oauth_url}/token", headers={"Authorization": f"Basic {pair}"},
            data=urllib.parse.urlencode({"grant_type": "authorization_code", "code": code,
                                         "redirect_uri": REDIRECT_URI}).encode())
        with urllib.request.urlopen(request) as answer:
            tokens = json.load(answer)
        self.secrets.add_simulators(self.zoom, self.client_id)
        entry = {"id": random_id("zoc_"), "client_id": self.client_id, "user_id": user["id"],
                 "account_id": user["account_id"], "refresh_token": tokens["refresh_token"]} | fields
        self.connections.append(entry)
        self.access_tokens[entry["id"]] = tokens["access_token"]
        return entry

    def app_entry(self, **fields):
        return {"id": self.id, "client_id": self.client_id, "client_secret": self.app["client_secret"],
                "webhook_secret": self.app["webhook_secret"]} | fields

    def export(self, **fields):
        return {"exported_at": iso(), "apps": [self.app_entry()], "connections": self.connections} | fields


@pytest.fixture
def elsewhere(zoom, secrets):
    return Elsewhere(zoom, secrets)


@pytest.fixture
def run(stack, project, tmp_path):
    """`run(file, *options)`: the finished command, on a file of that content."""
    def run(content, *options, to=project.id, mode=0o600):
        file = tmp_path / "attendee.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        file.chmod(mode)
        result = stack.run("hallpass", "import", "--from", file, "--project", to, *options, check=False)
        for secret in secrets_in(content):
            assert secret not in result.stdout + result.stderr
        return result
    return run


def secrets_in(content):
    """All that must not be told of such a file."""
    if not isinstance(content, dict):
        return
    for entry in (content.get("apps") or []) + list(content.get("connections") or []):
        for name in ("client_secret", "webhook_secret", "refresh_token", "access_token"):
            secret = entry.get(name) if isinstance(entry, dict) else None
            if isinstance(secret, str) and len(secret) > 8:
                yield secret


@pytest.fixture
def imported(run):
    """What it said, having worked without a complaint."""
    def imported(content, *options, **how):
        result = run(content, *options, **how)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout
    return imported


@pytest.fixture
def refused(run, tmp_path):
    """Its complaint behind the file's name, having failed with one line and said nothing else."""
    def refused(content, *options, **how):
        result = run(content, *options, **how)
        assert result.returncode == 1 and result.stdout == "" and result.stderr.count("\n") == 1
        return result.stderr.removeprefix("hallpass: ").removeprefix(f"{tmp_path / 'attendee.json'}: ").rstrip()
    return refused


def connection_of(api, entry):
    return api.get(f"{CONNECTIONS}/{entry['id']}").must_be(200).json


def synced(api, entry):
    """Once the worker has been there: it has renewed the token, and read the meetings."""
    return wait_until(lambda: (found := connection_of(api, entry))["last_successful_sync_at"] and found,
                      what="the sync of what was imported")


@pytest.fixture
def count_rows(stack, project):
    """`count_rows()`: apps, connections, credentials and meetings of the test's project."""
    of_app = "JOIN zoom_oauth_apps a ON a.id = app_id WHERE a.project_id = ?"
    return lambda: [stack.database.value(f"SELECT count(*) FROM {rows}", project.row_id) for rows in (
        "zoom_oauth_apps WHERE project_id = ?", f"zoom_oauth_connections {of_app}",
        f"zoom_oauth_credentials JOIN zoom_oauth_connections c ON c.id = connection_id {of_app}",
        f"zoom_meetings {of_app}")]


# it goes on


def test_a_connection_keeps_its_id_and_facts_and_its_bots_get_tokens(imported, elsewhere, zoom, api):
    entry = elsewhere.connect(metadata={"user": "Zoë", "n": 1}, deduplication_key="their user 7",
                              email="zoe@example.com", is_onbehalf_token_supported=True)
    meeting = zoom.create_meeting(entry["user_id"])
    said = imported(elsewhere.export())
    assert "connections: 1 taken over, 0 of them disconnected; 0 there already" in said
    found = synced(api, entry)
    assert (found["id"], found["zoom_oauth_app_id"], found["state"]) == (entry["id"], elsewhere.id, "connected")
    for field in "user_id", "account_id", "email", "deduplication_key", "metadata":
        assert found[field] == entry[field]
    assert found["is_local_recording_token_supported"] and found["is_onbehalf_token_supported"]
    # The worker was rung: the token of the file is void now, and there is a newer one here.
    assert elsewhere.zoom.grant(elsewhere.client_id, entry["user_id"])["refreshes"] == 1
    bot = api.post("/api/v1/bots", json={"meeting_url": meeting["join_url"]}).must_be(201).json
    tokens = api.post(f"/api/v1/bots/{bot['id']}/zoom_tokens").must_be(200).json
    assert tokens["join_flow"] == "token" and tokens["app_privilege_token"]
    assert tokens["zoom_oauth_connection_id"] == entry["id"]
    assert api.post(f"{CONNECTIONS}/{entry['id']}/refresh").must_be(200).json["state"] == "connected"
    assert elsewhere.zoom.grant(elsewhere.client_id, entry["user_id"])["refreshes"] == 2


def test_scopes_that_the_file_does_not_tell_are_learned(imported, elsewhere, api):
    entry, told = elsewhere.connect(), elsewhere.connect(scopes=["user:read:user", "meeting:read:list_meetings"])
    imported(elsewhere.export())
    assert "meeting:read:local_recording_token" in synced(api, entry)["scopes"]
    assert synced(api, told)["scopes"] == told["scopes"]


def test_zooms_events_for_the_app_are_accepted_at_its_new_address(imported, elsewhere, zoom, api):
    entry = elsewhere.connect()
    said = imported(elsewhere.export())
    path = f"/api/v1/zoom_oauth/webhooks/{elsewhere.id}"
    assert f"app {elsewhere.id}: registered; Zoom's events go to {path} now\n" in said
    zoom.change_app(elsewhere.client_id, webhook_url=api.url + path)
    made = zoom.create_meetings(entry["user_id"], 1, event=True)
    assert [each["attempts"][0]["status"] for each in made["deliveries"]] == [200]
    served = api.get("/api/v1/zoom_meetings", query={"meeting_id": str(made["meetings"][0]["id"])}).must_be(200).json
    assert entry["id"] in json.dumps(served)


def test_meetings_that_the_file_tells_are_known_at_once(imported, elsewhere, zoom, api):
    """Zoom's list has only what is scheduled."""
    entry = elsewhere.connect(meeting_ids=[86084701483, "78723497365"])
    with zoom.fault(path="/v2/users/me/meetings", status=503, times=None, client_id=elsewhere.client_id):
        assert "meetings: 2" in imported(elsewhere.export())
        listed = api.get(f"{CONNECTIONS}/{entry['id']}/meetings").must_be(200).json["results"]
        assert sorted(each["meeting_id"] for each in listed) == ["78723497365", "86084701483"]


def test_an_access_token_that_has_not_expired_is_used(imported, elsewhere, zoom, api):
    """Seen while Zoom renews none."""
    good, late = elsewhere.connect(), elsewhere.connect()
    good |= {"access_token": elsewhere.access_tokens[good["id"]], "access_token_expires_at": iso(minutes=50)}
    late |= {"access_token": elsewhere.access_tokens[late["id"]], "access_token_expires_at": iso(minutes=-1)}
    with zoom.fault(path="/oauth/token", grant_type="refresh_token", status=503, times=None,
                    client_id=elsewhere.client_id):
        imported(elsewhere.export())
        flows = []
        for entry in good, late:
            meeting = zoom.create_meeting(entry["user_id"])
            bot = api.post("/api/v1/bots", json={
                "meeting_url": meeting["join_url"], "zoom_oauth_connection_id": entry["id"]}).must_be(201).json
            flows.append(api.post(f"/api/v1/bots/{bot['id']}/zoom_tokens").must_be(200).json["join_flow"])
    assert flows == ["token", "standard"]


def test_who_was_wrongly_taken_for_disconnected_comes_back_and_who_was_not_stays_away(imported, elsewhere, zoom, api):
    failure = {"error": "Zoom Authentication error: {'error': 'invalid_client'}", "timestamp": iso(days=-3)}
    wronged = elsewhere.connect(state="disconnected", connection_failure_data=failure)
    gone = elsewhere.connect(state="disconnected", connection_failure_data=failure)
    without_token = elsewhere.connect(state="disconnected", refresh_token=None)
    zoom.remove_grant(elsewhere.client_id, gone["user_id"], event=False)
    assert "connections: 3 taken over, 3 of them disconnected" in imported(elsewhere.export())
    wait_until(lambda: connection_of(api, wronged)["state"] == "connected", what="the try of the one")
    assert connection_of(api, wronged)["connection_failure_data"] is None
    wait_until(lambda: any(each["type"] == "refresh_refused" for each in api.get(
        f"{CONNECTIONS}/{gone['id']}/log").must_be(200).json["results"]), what="the try of the other")
    kept = connection_of(api, gone)
    assert kept["state"] == "disconnected" and kept["connection_failure_data"]["error"] == failure["error"]
    bare = connection_of(api, without_token)["connection_failure_data"]
    assert (bare["code"], bare["error"]) == ("invalid_grant", "was disconnected before it was imported")
    # The user presses Allow, and the connection is the same.
    code = zoom.authorize(elsewhere.client_id, without_token["user_id"], redirect_uri=REDIRECT_URI)["code"]
    again = api.post(CONNECTIONS, json={"authorization_code": code, "redirect_uri": REDIRECT_URI}).must_be(201).json
    assert (again["id"], again["state"]) == (without_token["id"], "connected")
    api.secrets.add_simulators(zoom, elsewhere.client_id)


def test_what_attendees_program_of_the_page_writes_is_taken_over(imported, elsewhere, api, tmp_path, monkeypatch):
    """The program of docs/import.md, word for word, on models with the fields that Attendee's have."""
    connected = elsewhere.connect(metadata={"a": 1})
    broken = elsewhere.connect()
    app = types.SimpleNamespace(
        object_id=elsewhere.id, client_id=elsewhere.client_id,
        get_credentials=lambda: {"client_secret": elsewhere.app["client_secret"],
                                 "webhook_secret": elsewhere.app["webhook_secret"]})
    app.zoom_oauth_connections = Rows([
        attendees(connected, 1, metadata=connected["metadata"], meeting_ids=["86084701483"]),
        attendees(broken, 2, failure={"error": "Zoom Authentication error", "timestamp": iso(days=-1)})])
    exported = attendees_export(app, tmp_path, monkeypatch)
    assert (tmp_path / "attendee.json").stat().st_mode & 0o777 == 0o600
    said = imported(exported)
    assert "apps: 1 registered" in said and "connections: 2 taken over, 1 of them disconnected" in said
    assert "meetings: 1" in said
    assert synced(api, connected)["metadata"] == {"a": 1}
    assert synced(api, broken)["state"] == "connected"


class Rows(list):
    def all(self):
        return self

    def filter(self, project__object_id):
        assert project__object_id == "proj_..."
        return self


def attendees(entry, state, failure=None, metadata=None, meeting_ids=()):
    """A ZoomOAuthConnection of Attendee's, as far as the program reads it."""
    return types.SimpleNamespace(
        object_id=entry["id"], state=state, connection_failure_data=failure, user_id=entry["user_id"],
        account_id=entry["account_id"], metadata=metadata, is_local_recording_token_supported=True,
        is_onbehalf_token_supported=False, get_credentials=lambda: {"refresh_token": entry["refresh_token"]},
        zoom_meeting_to_zoom_oauth_connection_mappings=Rows(
            types.SimpleNamespace(meeting_id=each) for each in meeting_ids))


def attendees_export(app, folder, monkeypatch):
    models = types.ModuleType("bots.models")
    models.ZoomOAuthApp = types.SimpleNamespace(objects=Rows([app]))
    models.ZoomOAuthConnectionStates = types.SimpleNamespace(CONNECTED=1, DISCONNECTED=2)
    timezone = types.ModuleType("django.utils")
    timezone.timezone = types.SimpleNamespace(now=lambda: datetime.datetime.now(datetime.UTC))
    for name, module in {"bots": types.ModuleType("bots"), "bots.models": models,
                         "django": types.ModuleType("django"), "django.utils": timezone}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(folder)
    [program] = page.programs("import.md", "python")
    exec(compile(program, "export_attendee.py", "exec"), {"__name__": "__main__"})  # pylint: disable=exec-used
    return (folder / "attendee.json").read_text()


# once and again


def test_a_second_run_changes_nothing_and_says_so(imported, elsewhere, stack, api):
    entries = [elsewhere.connect(meeting_ids=[86084701483 + number]) for number in range(3)]
    imported(elsewhere.export())
    for entry in entries:
        synced(api, entry)
    tokens = "SELECT group_concat(generation || hex(refresh_token)) FROM zoom_oauth_credentials"
    before = stack.database.value(tokens)
    api.patch(f"{CONNECTIONS}/{entries[0]['id']}", json={"metadata": {"since": True}}).must_be(200)
    added = elsewhere.connect()
    said = imported(elsewhere.export())
    assert f"app {elsewhere.id}: is there already, left as it is" in said
    assert "apps: 0 registered, 1 there already" in said
    assert "connections: 1 taken over, 0 of them disconnected; 3 there already" in said
    for entry in entries:
        assert f"connection {entry['id']}: is there already, left as it is\n" in said
    synced(api, added)
    assert stack.database.value(
        f"{tokens} WHERE connection_id < (SELECT max(connection_id) FROM zoom_oauth_credentials)") == before
    assert connection_of(api, entries[0])["metadata"] == {"since": True}


def test_a_user_who_has_connected_here_meanwhile_keeps_that_connection(imported, elsewhere, zoom, api):
    entry = elsewhere.connect()
    imported(elsewhere.export(connections=[]))
    code = zoom.authorize(elsewhere.client_id, entry["user_id"], redirect_uri=REDIRECT_URI)["code"]
    ours = api.post(CONNECTIONS, json={"authorization_code": code, "redirect_uri": REDIRECT_URI}).must_be(201).json
    api.secrets.add_simulators(zoom, elsewhere.client_id)
    said = imported(elsewhere.export())
    assert f"connection {entry['id']}: its Zoom user is connected already as {ours['id']}, left as it is" in said
    assert api.get(f"{CONNECTIONS}/{entry['id']}").status == 404
    assert api.post(f"{CONNECTIONS}/{ours['id']}/refresh").must_be(200).json["state"] == "connected"


def test_an_app_of_the_project_is_taken_by_its_client_id_and_keeps_its_secrets(imported, elsewhere, zoom, api):
    registered = api.post("/api/v1/zoom_oauth_apps", json={
        "client_id": elsewhere.client_id, "client_secret": elsewhere.app["client_secret"]}).must_be(201).json
    entry = elsewhere.connect()
    said = imported(elsewhere.export(apps=[elsewhere.app_entry(client_secret="not-looked-at")]))
    assert f"app {registered['id']}: is there already" in said
    assert synced(api, entry)["zoom_oauth_app_id"] == registered["id"]
    other = elsewhere.connect()
    imported(elsewhere.export(apps=[]))
    assert synced(api, other)["zoom_oauth_app_id"] == registered["id"]


def test_a_dry_run_says_the_same_and_writes_nothing(imported, elsewhere, count_rows, zoom, api):
    entry = elsewhere.connect(meeting_ids=[1234567890])
    before = count_rows()
    rehearsed = imported(elsewhere.export(), "--dry-run")
    assert count_rows() == before
    assert api.get(f"{CONNECTIONS}/{entry['id']}").status == 404
    assert "Nothing was written" in rehearsed
    done = imported(elsewhere.export())
    assert rehearsed.splitlines()[:4] == done.splitlines()[:4] and len(done.splitlines()) > 4
    synced(api, entry)


def test_the_project_may_be_named_as_it_is_called(imported, refused, elsewhere, stack):
    name = random_id("called ")
    made = stack.create_project(name)
    entry = elsewhere.connect()
    imported(elsewhere.export(), to=name)
    assert synced(made.api, entry)["id"] == entry["id"]
    stack.create_project(name)
    assert f"2 projects are called '{name}'; name the one by its id" in refused(elsewhere.export(), to=name)
    assert "no project 'proj_none'" in refused(elsewhere.export(), to="proj_none")


def test_a_file_that_others_can_read_is_warned_of(run, elsewhere):
    elsewhere.connect()
    result = run(elsewhere.export(), mode=0o640)
    assert result.returncode == 0 and "connections: 1 taken over" in result.stdout
    assert "mode 0640 lets others read the secrets in it; run: chmod 600" in result.stderr


# what is refused


def without(*names):
    return {name: None for name in names}


WRONG_CONNECTIONS = {
    "no_refresh_token": (without("refresh_token"), "refresh_token is required; write the newest that Zoom gave, or"),
    "a_refresh_token_with_a_line_break": ({"refresh_token": "a\nb"}, "refresh_token must hold no spaces"),
    "a_refresh_token_that_is_a_number": ({"refresh_token": 7}, "refresh_token must be a string"),
    "a_refresh_token_of_20_kb": ({"refresh_token": "x" * 20000}, "refresh_token must have at most 16384 bytes"),
    "no_id": (without("id"), "id is required"),
    "an_id_of_nobodys": ({"id": "7"},
                         "id must be zoc_ or zoauth_ and 16 or more letters and digits; write the id that it had"),
    "a_short_id": ({"id": "zoc_abc"}, "id must be zoc_"),
    "an_id_with_other_characters": ({"id": "zoc_aaaaaaaaaaaaaaaa/x"}, "id must be zoc_"),
    "no_user": (without("user_id"), "user_id is required"),
    "no_client": (without("client_id"), "client_id is required"),
    "an_unknown_client": ({"client_id": "nobodys"},
                          "client_id names no app of the file or the project; write the app into apps, too"),
    "an_unknown_field": ({"tokens": 1}, "tokens is not a known field"),
    "an_unknown_state": ({"state": "CONNECTED"}, "state must be one of: connected, disconnected"),
    "metadata_that_is_text": ({"metadata": "{}"}, "metadata must be a JSON object"),
    "an_access_token_without_its_end": ({"access_token": "a"},
                                        "access_token_expires_at is required with the other of the two"),
    "an_end_without_its_access_token": ({"access_token_expires_at": iso()},
                                        "access_token is required with the other of the two"),
    "an_end_that_is_no_time": ({"access_token": "a", "access_token_expires_at": "soon"},
                               "access_token_expires_at must be an ISO 8601 time"),
    "an_end_that_is_far_away": (
        {"access_token": "a", "access_token_expires_at": iso(days=90)},
        "access_token_expires_at is more than a day away"),
    "scopes_in_one_text": ({"scopes": "user:read:user"}, "scopes must be an array"),
    "scopes_with_spaces": ({"scopes": ["user:read:user user:read:zak"]},
                           "scopes must be an array of Zoom's names of scopes"),
    "meetings_that_are_none": ({"meeting_ids": ["my/name"]}, "meeting_ids must be an array of Zoom's meeting ids"),
    "meetings_below_zero": ({"meeting_ids": [-1]}, "meeting_ids must be an array of Zoom's meeting ids"),
    "a_failure_of_a_connected_one": ({"connection_failure_data": {"error": "x"}},
                                     "connection_failure_data must be null while the state is connected"),
    "a_failure_without_words": ({"state": "disconnected", "connection_failure_data": {}},
                                "connection_failure_data.error is required"),
    "an_unknown_failure": (
        {"state": "disconnected", "connection_failure_data": {"error": "x", "code": "y"}},
        "connection_failure_data.code must be one of: invalid_grant"),
    "a_capability_that_is_a_number": ({"is_onbehalf_token_supported": 1},
                                      "is_onbehalf_token_supported must be true or false"),
}


@pytest.mark.parametrize("wrong, words", WRONG_CONNECTIONS.values(), ids=WRONG_CONNECTIONS)
def test_a_connection_that_is_wrong_is_named_and_nothing_is_written(refused, elsewhere, count_rows, wrong, words):
    elsewhere.connect()
    elsewhere.connect(**wrong)
    before = count_rows()
    assert refused(elsewhere.export()).startswith(f"connections[1].{words}")
    assert count_rows() == before


def wrong_app(**fields):
    return lambda elsewhere: elsewhere.export(apps=[elsewhere.app_entry(**fields)])


WRONG_FILES = {
    "not_json": (lambda _: "hush, hush", "not valid JSON: line 1"),
    "empty": (lambda _: "", "not valid JSON"),
    "an_array": (lambda _: [], "must be a JSON object with exported_at, apps and connections"),
    "a_key_twice": (lambda _: '{"apps": [], "apps": []}', "not valid JSON: line 1, column 19: duplicate object key"),
    "no_time": (lambda elsewhere: elsewhere.export(exported_at=None),
                "exported_at is required; write when the file was made"),
    "a_time_to_come": (lambda elsewhere: elsewhere.export(exported_at=iso(hours=1)), "exported_at is in the future"),
    "no_connections": (lambda elsewhere: elsewhere.export(connections=None),
                       "connections is required; write [] where there are only apps"),
    "connections_by_id": (lambda elsewhere: elsewhere.export(connections={"zoc_1": {}}),
                          "connections must be an array"),
    "a_connection_that_is_text": (lambda elsewhere: elsewhere.export(connections=["zoc_1"]),
                                  "connections[0] must be a JSON object"),
    "an_app_without_its_secret": (wrong_app(client_secret=None), "apps[0].client_secret is required"),
    "an_app_without_its_client_id": (wrong_app(client_id=None), "apps[0].client_id is required"),
    "an_app_with_a_connections_id": (wrong_app(id="zoc_aaaaaaaaaaaaaaaa"), "apps[0].id must be zoa_ or zoapp_"),
    "an_app_with_a_wrong_secret": (wrong_app(client_secret="not-the-one"),
                                   "apps[0].client_secret: Zoom does not take it with this client_id"),
    "an_app_twice": (lambda elsewhere: elsewhere.export(apps=[elsewhere.app_entry(), elsewhere.app_entry(id=None)]),
                     "apps[1].client_id is that of apps[0], too; leave one of the two out"),
}


@pytest.mark.parametrize("make, words", WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_file_that_is_wrong_is_told_where_and_nothing_is_written(refused, elsewhere, count_rows, make, words):
    elsewhere.connect()
    before = count_rows()
    complaint = refused(make(elsewhere))
    assert complaint.startswith(words) and "hush" not in complaint and "not-the-one" not in complaint
    assert count_rows() == before


@pytest.mark.parametrize("field", ["id", "user_id", "deduplication_key"])
def test_what_may_be_there_once_is_there_once(refused, elsewhere, field):
    first = elsewhere.connect(deduplication_key="a user")
    elsewhere.connect(**{field: first[field]})
    assert refused(elsewhere.export()) == (
        f"connections[1].{field} is that of connections[0], too; leave one of the two out")


def test_all_that_is_wrong_is_counted(refused, elsewhere):
    for number in range(3):
        elsewhere.connect(user_id=None, state=number)
    assert refused(elsewhere.export()) == "connections[0].state must be a string (and 5 more)"


def test_a_key_of_another_user_here_is_not_taken_over(imported, refused, elsewhere, api):
    mine = elsewhere.connect(deduplication_key="a user")
    imported(elsewhere.export())
    synced(api, mine)
    elsewhere.connect(deduplication_key="a user")
    assert refused(elsewhere.export(connections=elsewhere.connections[1:])).startswith(
        f"connections[0].deduplication_key is that of connection {mine['id']}, of another Zoom user")


def test_an_id_of_another_project_is_refused(imported, refused, elsewhere, stack):
    elsewhere.connect()
    imported(elsewhere.export())
    others = stack.create_project("others").id
    assert refused(elsewhere.export(), to=others).startswith("apps[0].id is that of another app here")
    assert refused(elsewhere.export(apps=[elsewhere.app_entry(id=None)]), to=others).startswith(
        "connections[0].id is that of a connection of another project")


def test_while_zoom_is_away_no_app_is_registered(refused, elsewhere, zoom, count_rows):
    elsewhere.connect()
    before = count_rows()
    with zoom.fault(path="/oauth/token", status=503, times=None, client_id=elsewhere.client_id):
        assert "Zoom cannot be asked about apps[0], so nothing was done" in refused(elsewhere.export())
    assert count_rows() == before


def test_a_file_that_is_not_there_is_named(stack, project, tmp_path):
    result = stack.run("hallpass", "import", "--from", tmp_path / "absent.json", "--project", project.id, check=False)
    assert result.returncode == 1 and result.stderr == (
        f"hallpass: {tmp_path}/absent.json: No such file or directory; name a file that you may read\n")


@pytest.mark.parametrize("arguments", [
    ["--from", "x.json"], ["--project", "x"], ["--from", "--project", "x"], ["x.json", "--project", "x"],
    ["--from=", "--project=x"]])
def test_what_is_missing_in_the_call_is_told(stack, arguments):
    result = stack.run("hallpass", "import", *arguments, check=False)
    assert result.returncode == 2
    assert "usage: hallpass import --from FILE --project PROJECT [--dry-run]" in result.stderr
