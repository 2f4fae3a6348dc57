"""The Debian package, on machines of its own with a real systemd: installed, upgraded, removed, purged."""

import os
import random
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from installation import build_package, installation_on, newer_package
from machine import is_possible, machine_in
from support import landlock
from support.stack import BUILD, ROOT
from support.waiting import wait_until
from support.zoom_user import connect_user

RESPONDERS = sorted(source.stem for source in (ROOT / "cgi-bin").glob("*.c"))
SERVICES = sorted(f"hallpass-{name}.service" for name in [*RESPONDERS, "worker"])
SOCKETS = sorted(f"hallpass-{name}.socket" for name in RESPONDERS)
DATABASE, KEYS, CONFIG = "/var/lib/hallpass/hallpass.db", "/etc/hallpass/encryption.keys", "/etc/hallpass/hallpass.conf"

needs_machine = pytest.mark.skipif(not is_possible(), reason="no machine of its own may be made here")


@pytest.fixture(scope="module")
def package():
    return build_package(BUILD)


@pytest.fixture(scope="module")
def installed(package, tmp_path_factory):
    with machine_in(tmp_path_factory.mktemp("machine")) as machine, installation_on(machine, package) as installation:
        yield installation


@contextmanager
def load(api, path="/api/v1/bots", clients=4):
    """Requests without a pause while the block runs; every one has to be answered with 200."""
    statuses, failures, is_over = [], [], threading.Event()

    def ask():
        while not is_over.is_set():
            try:
                statuses.append(api.get(path).status)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(statuses) > 20 or failures, what="requests under way")
        yield statuses
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)
    assert failures == []
    assert set(statuses) == {200}


def unlimited(installation):
    """The site without its limits, which a load on one key would meet."""
    site = installation.machine.path("/etc/nginx/sites-available/hallpass")
    site.write_text("".join(line for line in site.read_text().splitlines(True) if "limit_req" not in line))
    installation.machine.run("systemctl", "restart", "nginx.service")


def main_process(machine, service):
    return int(machine.property(service, "MainPID"))


def journal(installation, unit):
    return installation.machine.run("journalctl", "--output=cat", f"--unit={unit}").stdout


def test_lintian_has_nothing_to_say(package):
    result = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", package],
                            capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@needs_machine
def test_everything_runs_and_will_after_a_reboot(installed):
    assert installed.machine.units("hallpass-*.service") == SERVICES
    assert installed.machine.units("hallpass-*.socket") == SOCKETS
    assert installed.machine.failed_units() == []
    for unit in SERVICES + SOCKETS:
        assert installed.machine.run("systemctl", "is-enabled", unit).stdout == "enabled\n"


@needs_machine
def test_files_belong_to_who_needs_them_and_to_nobody_else(installed):
    assert {path: installed.machine.mode(path) for path in
            ("/etc/hallpass", CONFIG, KEYS, "/var/lib/hallpass", DATABASE, "/run/hallpass/bots.sock")} == {
        "/etc/hallpass": "750 root hallpass", CONFIG: "640 root hallpass", KEYS: "640 root hallpass",
        "/var/lib/hallpass": "700 hallpass hallpass", DATABASE: "600 hallpass hallpass",
        "/run/hallpass/bots.sock": "660 root www-data"}


@needs_machine
def test_doctor_finds_all_well(installed):
    assert installed.doctor()["ok"]


@needs_machine
def test_a_bot_gets_its_token_through_the_whole_installation(installed):
    api, zoom = installed.api(installed.create_key()), installed.zoom
    user = connect_user(api, zoom)
    meeting = zoom.create_meeting(user.user_id)
    # The worker, told by its doorbell, has asked Zoom.
    user.wait_for_sync()
    bot = api.post("/api/v1/bots", json={"meeting_url": meeting["join_url"],
                                         "zoom_oauth_connection_id": user.id}).must_be(201).json
    assert api.post(f"/api/v1/bots/{bot['id']}/zoom_tokens").must_be(200).json["join_flow"] == "token"


@needs_machine
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_fenced_in(service, installed):
    installed.machine.run("systemctl", "start", service)  # which may have ended, for nobody asked it for anything
    pid = main_process(installed.machine, service)
    proc = installed.machine.path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    assert {name: status[name] for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")} == {
        "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    assert set(status["Uid"].split()) == {installed.machine.run("id", "-u", "hallpass").stdout.strip()}
    limits = [line.split() for line in (proc / "limits").read_text().splitlines()]
    assert ["Max", "core", "file", "size", "0", "0", "bytes"] in limits
    assert ["Max", "open", "files", "16384", "16384", "files"] in limits
    has_network = "PrivateNetwork=yes" not in installed.machine.path(f"/lib/systemd/system/{service}").read_text()
    assert (os.readlink(proc / "ns/net") == os.readlink(installed.machine.path("/proc/1/ns/net"))) == has_network


@needs_machine
@pytest.mark.skipif(landlock.version() < 1, reason="this machine's kernel has no Landlock")
def test_what_systemd_forbids_keeps_no_service_from_its_own_sandbox(installed):
    told = journal(installed, "hallpass-*.service")
    assert '"message":"request"' in told and '"message":"no sandbox"' not in told
    [finding] = [each for each in installed.doctor()["findings"] if each["check"] == "sandbox"]
    assert finding["level"] == "ok"


@needs_machine
def test_an_operator_can_switch_the_sandbox_of_a_service_off(installed):
    """As docs/operations.md has it."""
    drop_in = installed.machine.path("/etc/systemd/system/hallpass-status.service.d/sandbox.conf")
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nSystemCallFilter=~landlock_create_ruleset\n")
    try:
        installed.machine.run("systemctl", "daemon-reload")
        installed.machine.run("systemctl", "restart", "hallpass-status.service")
        installed.wait_until_it_serves()
        wait_until(lambda: '"message":"no sandbox"' in journal(installed, "hallpass-status.service"),
                   what="the line in the log")
    finally:
        drop_in.unlink()
        installed.machine.run("systemctl", "daemon-reload")
        installed.machine.run("systemctl", "restart", "hallpass-status.service")
        installed.wait_until_it_serves()


@needs_machine
def test_a_restart_loses_no_request(installed):
    unlimited(installed)
    with load(installed.api(installed.create_key())) as statuses:
        for _ in range(3):
            before, pid = len(statuses), main_process(installed.machine, "hallpass-bots.service")
            installed.machine.run("systemctl", "restart", "hallpass-bots.service")
            assert main_process(installed.machine, "hallpass-bots.service") != pid
            wait_until(lambda: len(statuses) > before + 20, timeout=60, what="requests after the restart")


@needs_machine
def test_who_was_killed_comes_back(installed):
    pid = main_process(installed.machine, "hallpass-worker.service")
    installed.machine.run("kill", "-KILL", pid)
    wait_until(lambda: main_process(installed.machine, "hallpass-worker.service") not in (0, pid), what="the worker")


@needs_machine
def test_keys_are_rotated_by_root_while_everything_serves(installed):
    api = installed.api(installed.create_key())
    user = connect_user(api, installed.zoom)
    before = installed.machine.path(KEYS).read_text()
    installed.hallpass("keys", "rotate")
    assert installed.machine.path(KEYS).read_text() != before
    assert installed.machine.mode(KEYS) == "640 root hallpass"
    api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200)


@pytest.fixture
def installation(package, tmp_path):
    """On a machine for this test alone."""
    with machine_in(tmp_path) as machine, installation_on(machine, package) as installation:
        yield installation


@needs_machine
def test_an_upgrade_under_load_keeps_data_keys_and_every_request(installation, package, tmp_path_factory):
    unlimited(installation)
    machine, api = installation.machine, installation.api(installation.create_key())
    user = connect_user(api, installation.zoom)
    keys, config = (machine.path(path).read_bytes() for path in (KEYS, CONFIG))
    processes = {service: main_process(machine, service) for service in SERVICES}
    socket = machine.run("stat", "--format=%i", "/run/hallpass/bots.sock").stdout
    with load(api):
        installation.install(newer_package(package, tmp_path_factory.mktemp("next")))
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "hallpass").stdout.endswith("+next")
    assert (machine.path(KEYS).read_bytes(), machine.path(CONFIG).read_bytes()) == (keys, config)
    assert machine.run("stat", "--format=%i", "/run/hallpass/bots.sock").stdout == socket
    assert all(main_process(machine, service) not in (0, pid) for service, pid in processes.items())
    api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200)
    assert installation.doctor()["ok"]


IDLE_S, VISITS, TURNS_MAX, ENDS_MIN = 1, 12, 5, 15
PATHS = {"bots": "/api/v1/bots", "token_callbacks": "/api/v1/token_callbacks", "webhooks": "/api/v1/webhooks",
         "zoom_oauth_apps": "/api/v1/zoom_oauth_apps", "zoom_oauth_connections": "/api/v1/zoom_oauth_connections"}


def set_configuration(installation, text):
    """Instead of what the file says of it so far, and the services start with it."""
    file = installation.machine.path(CONFIG)
    key = text.partition("=")[0]
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith(key)) + text)
    installation.machine.run("systemctl", "restart", "hallpass-*.service", check=False)


def inactive_services(machine):
    return machine.units("hallpass-*.service", state="inactive")


def wait_until_idle(machine, programs):
    wait_until(lambda: {f"hallpass-{name}.service" for name in programs} <= set(inactive_services(machine)),
               timeout=60, what="the end of the programs")


@needs_machine
def test_a_program_that_nobody_asks_is_ended_and_started_again_by_who_does(installation):
    machine, api = installation.machine, installation.api(installation.create_key())
    assert "\nidle_exit_s = 300\n" in machine.path(CONFIG).read_text()
    set_configuration(installation, f"idle_exit_s = {IDLE_S}\n")
    wait_until_idle(machine, RESPONDERS)
    # Nothing of this is a failure, or looks like one.
    assert machine.units("hallpass-*.socket") == SOCKETS and machine.failed_units() == []
    assert machine.units("hallpass-*.service") == ["hallpass-worker.service"]
    for name in RESPONDERS:
        assert [machine.property(f"hallpass-{name}.service", each)
                for each in ("Result", "ExecMainStatus", "NRestarts")] == ["success", "0", "0"]
    assert '"message":"ends, idle"' in journal(installation, "hallpass-bots.service")
    assert installation.doctor()["ok"]

    for name, path in PATHS.items():
        api.get(path).must_be(200)
        assert machine.property(f"hallpass-{name}.service", "NRestarts") == "0"
    # Nor does a restart of what runs start the others.
    wait_until_idle(machine, RESPONDERS)
    machine.run("systemctl", "restart", "hallpass-*.service")
    assert machine.units("hallpass-*.service") == ["hallpass-worker.service"]


@needs_machine
def test_nobody_is_lost_who_comes_just_when_systemd_sees_a_program_end(installation):
    """So often in a row that it would be given up if it failed."""
    unlimited(installation)
    machine, api = installation.machine, installation.api(installation.create_key())
    set_configuration(installation, f"idle_exit_s = {IDLE_S}\n")
    wait_until_idle(machine, RESPONDERS)
    failures = []

    def visit(path, dice):
        for _ in range(VISITS):
            try:
                api.get(path).must_be(200)
            except (OSError, AssertionError) as error:
                failures.append(error)
            time.sleep(IDLE_S + dice.uniform(-0.02, 0.1))  # the moment is what this is about

    def ends():
        return journal(installation, "hallpass-*.service").count('"message":"ends, idle"')

    # On a busy machine programs end late, and who comes meanwhile keeps them.
    for turn in range(TURNS_MAX):
        clients = [threading.Thread(target=visit, args=(path, random.Random(f"{name} {turn}")))
                   for name, path in PATHS.items()]
        for client in clients:
            client.start()
        for client in clients:
            client.join(120)
        if failures or ends() > ENDS_MIN:
            break
    assert (failures, machine.failed_units()) == ([], [])
    assert ends() > ENDS_MIN


@needs_machine
def test_a_program_that_cannot_start_is_given_up(installation):
    machine, api = installation.machine, installation.api(installation.create_key())
    set_configuration(installation, "threads = none\n")
    wait_until(lambda: set(SERVICES) <= set(machine.failed_units()), timeout=60, what="failed services")
    machine.run("systemctl", "reset-failed", "hallpass-*")  # else systemd waits for some seconds more
    set_configuration(installation, "threads = 8\n")
    machine.run("systemctl", "start", *SOCKETS, *SERVICES)
    api.get("/api/v1/bots").must_be(200)


@needs_machine
def test_an_upgrade_starts_what_had_ended_and_answers_who_comes_meanwhile(installation, package, tmp_path_factory):
    unlimited(installation)
    machine, api = installation.machine, installation.api(installation.create_key())
    newer = newer_package(package, tmp_path_factory.mktemp("next"))
    set_configuration(installation, f"idle_exit_s = {IDLE_S}\n")
    wait_until_idle(machine, RESPONDERS)
    # The old programs serve until the database is migrated.
    lives = {service: machine.property(service, "InvocationID") for service in SERVICES}
    machine.run("systemctl", "stop", "hallpass-bots.socket")  # by the administrator, who knows why
    machine.run("/var/lib/dpkg/info/hallpass.prerm", "upgrade", "next")
    assert [service for service in SERVICES if machine.property(service, "InvocationID") == lives[service]] == [
        "hallpass-bots.service", "hallpass-worker.service"]
    machine.run("systemctl", "start", "hallpass-bots.socket")
    wait_until_idle(machine, RESPONDERS)
    with load(api, "/api/v1/webhooks", clients=1):
        machine.run("dpkg", "--force-unsafe-io", "--force-confold", "--install", newer)
        assert {"hallpass-webhooks.service", "hallpass-worker.service"} <= set(machine.units("hallpass-*.service"))
    assert machine.failed_units() == []
    for path in PATHS.values():
        api.get(path).must_be(200)
    assert installation.doctor()["ok"]


@needs_machine
def test_a_backup_is_restored_by_root_as_the_page_says(installation):
    """docs/operations.md: stop, restore, start; everything is still the services' own."""
    machine, api = installation.machine, installation.api(installation.create_key())
    user = connect_user(api, installation.zoom)
    user.wait_for_sync()
    installation.hallpass("backup", "/root/backup.db")
    api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200)
    refused = machine.run("hallpass", "restore", "/root/backup.db", check=False)
    assert refused.returncode == 1 and "in use by" in refused.stderr
    machine.run("systemctl", "stop", "hallpass-*.socket", "hallpass-*.service")
    said = installation.hallpass("restore", "/root/backup.db")
    assert "Tokens of 1 users" in said
    files = [f"/var/lib/hallpass/{file.name}" for file in machine.path("/var/lib/hallpass").iterdir()]
    assert {machine.mode(file).split(" ", 1)[1] for file in files} == {"hallpass hallpass"}, files
    assert machine.mode(DATABASE) == "600 hallpass hallpass"
    machine.run("systemctl", "start", "--all", "hallpass-*.socket", "hallpass-*.service")
    assert machine.units("hallpass-*") == sorted(SOCKETS + SERVICES)
    installation.wait_until_it_serves()
    assert installation.doctor()["ok"]
    assert api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200).json["state"] == "connected"


@needs_machine
def test_an_upgrade_migrates_the_database(installation, package, tmp_path_factory):
    machine = installation.machine
    machine.run("systemctl", "stop", "hallpass-*.service", "hallpass-*.socket")
    for file in machine.path("/var/lib/hallpass").iterdir():
        file.unlink()
    machine.path("/root/first.sql").write_bytes((ROOT / "tests/unit/schema_1.sql").read_bytes())
    machine.run("sqlite3", DATABASE, ".read /root/first.sql")
    machine.run("chown", "hallpass:hallpass", DATABASE)
    machine.run("chmod", "600", DATABASE)
    refused = machine.run("runuser", "-u", "hallpass", "--", "hallpass", "project", "list", check=False)
    assert "migrate" in refused.stderr
    machine.run("systemctl", "start", *SOCKETS)
    said = installation.install(newer_package(package, tmp_path_factory.mktemp("next"))).stdout
    assert "migrated from schema version 1" in said
    assert installation.doctor()["ok"]
    installation.api(installation.create_key()).get("/api/v1/bots").must_be(200)


@needs_machine
def test_removal_keeps_the_data_and_purging_removes_it(installation, package):
    machine, key = installation.machine, installation.create_key()
    kept = {path: machine.path(path).read_bytes() for path in (CONFIG, KEYS)}
    machine.run("dpkg", "--remove", "hallpass")
    assert {path: machine.path(path).read_bytes() for path in kept} == kept
    assert machine.path(DATABASE).exists() and not machine.path("/usr/bin/hallpass").exists()
    assert machine.units("hallpass-*") == []
    machine.run("nginx", "-t")  # other sites can still be served

    installation.install(package)
    installation.enable_site()
    installation.wait_until_it_serves()
    installation.api(key).get("/api/v1/bots").must_be(200)
    assert {path: machine.path(path).read_bytes() for path in kept} == kept

    asked = machine.run("dpkg", "--purge", "hallpass")
    assert "?" not in asked.stdout + asked.stderr
    left = machine.run("find", "/etc", "/var", "/usr", "/lib/systemd", "/run", "-path", "*hallpass*",
                       "-not", "-path", str(ROOT) + "*").stdout.splitlines()
    assert left == []
    assert machine.units("hallpass-*") == []
