"""`hallpass doctor` finds what is not right, and says what to do about it."""

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess

import pytest

from support import landlock
from support.home import SERVICES, keep_to_root, mode, root_alone
from support.port import free_port
from support.processes import end
from support.stack import BUILD
from support.waiting import wait_until


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
        advice = f"; {finding['advice']}" if finding["advice"] else ""
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
    "the_key_file_is_gone": (
        lambda home: home.keys.unlink(), "key file", "`hallpass init` makes one, if you have no copy to put back"),
    "others_may_read_the_key_file": (lambda home: home.keys.chmod(0o644), "key file", "chmod g-w,o="),
    "the_key_file_holds_no_key": (lambda home: home.keys.write_text("hush hush\n"), "key file", "put back your copy"),
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


def test_doctor_says_what_makes_a_folder_that_is_not_there(patient):
    patient.database, patient.keys = patient.directory / "data/hallpass.db", patient.directory / "keys/encryption.keys"
    patient.configure()
    findings = examine(patient, 1)
    for check in "key folder", "database folder":
        assert findings[check]["level"] == "fail" and findings[check]["advice"] == "`hallpass init` makes it"
    patient.done("init")
    assert levels(examine(patient)).keys() & {"key folder", "database folder", "key file", "database"} == set()


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
def test_doctor_closes_a_key_file_to_others_and_not_to_the_services(served):
    """That is root's, as the package has it."""
    os.chown(served.keys, 0, SERVICES)
    served.keys.chmod(0o664)
    finding = examine(served, 1)["key file"]["finding"]
    subprocess.run(re.search(r"run: (.*)", finding)[1], shell=True, check=True)
    assert mode(served.keys) == 0o640
    assert levels(examine(served, 0)) == {}


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
    assert "hallpass restore" in findings["database"]["advice"]
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
    assert "hallpass restore" in findings["database"]["advice"]


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


def test_doctor_does_not_take_it_for_late_that_runners_are_given_time(patient):
    """After a standstill: up to an hour, as their leases are."""
    patient.project()
    assert patient.run("--once", program=BUILD / "bin/hallpass-worker").returncode == 0
    patient.sql("INSERT INTO bots (public_id, project_id, meeting_url, is_webinar_link, bot_name, metadata, state,"
                 " join_flow, recording_state, transcription_state, created_at, updated_at, lease_s, lease_expires_at)"
                 " VALUES ('bot_1', 1, 'https://zoom.us/j/1234567890', 0, 'x', '{}', 'joining', 'standard',"
                 " 'not_started', 'not_started', 0, 0, 3600, ?)", now_us() - HOUR_US // 2)
    assert levels(examine(patient)) == {}


@pytest.mark.parametrize("is_zoom_away", [False, True])
def test_doctor_tells_of_work_that_is_late_long_before_the_hour_is_over(with_app, is_zoom_away):
    """Unless it is Zoom that it waits for."""
    add_connections(with_app, 1)
    assert with_app.run("--once", program=BUILD / "bin/hallpass-worker").returncode == 0
    with_app.sql("UPDATE zoom_oauth_connections SET next_sync_at = ?", now_us() - HOUR_US // 3)
    if is_zoom_away:
        with_app.sql("INSERT INTO zoom_circuits VALUES ('zoom', ?, ?, 1, 'HTTP 500', ?)",
                     now_us(), now_us() + HOUR_US, now_us())
    findings = examine(with_app)
    if is_zoom_away:
        assert findings["worker"]["level"] == "ok"
    else:
        assert findings["worker"]["finding"] == "its meeting_sync has waited for 20 minutes"


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
