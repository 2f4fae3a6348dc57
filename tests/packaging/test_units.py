"""The systemd units: complete, closed as far as they can be, and no request lost while a service restarts."""

import configparser
import math
import re
import subprocess
import threading

import pytest

from support.processes import end
from support.stack import BUILD, ROOT
from support.supervisor import Supervisor
from support.waiting import wait_until

EXPOSURE_MAX = 1.5
RESPONDERS = sorted(source.stem for source in (ROOT / "cgi-bin").glob("*.c"))
SERVICES = [*RESPONDERS, "worker"]
# Who asks others before it answers, or as its job: by what the programs do, not by what the generator reads.
CALLERS = {"zoom_oauth_apps", "zoom_oauth_connections", "bots", "token_callbacks", "worker"}
# Where the code says for how long it keeps one, and how long the longest call to Zoom may be.
KEEPS_AN_ANSWER = [("src/broker/refresh.c", r"STORE_MS_MAX = ([\d *]+),"),
                   ("src/base/config.c", r"FIELD\(zoom_timeout_ms\)[^}]*\.max = (\d+)\}")]
SETTINGS_OF_CALLERS = ["GLIBC_TUNABLES=glibc.malloc.tcache_count=0", "GNUTLS_NO_IMPLICIT_INIT=1"]


class Unit(configparser.RawConfigParser):
    """A unit file; what stands in it several times is joined by spaces."""

    def __init__(self, path):
        super().__init__(strict=False, delimiters="=", comment_prefixes="#", interpolation=None)
        self.optionxform = str
        seen = {}
        for line in path.read_text().splitlines():
            if (line + " ")[0] == "[":
                section = seen.setdefault(line.strip("[]"), {})
            elif line and line[0] != "#":
                key, _, value = line.partition("=")
                section[key] = f"{section[key]} {value}" if key in section else value
        self.read_dict(seen)


@pytest.fixture(scope="session")
def units(tmp_path_factory):
    """The folder of the generated units; they name the programs of this build."""
    folder = tmp_path_factory.mktemp("units")
    subprocess.run([ROOT / "packaging/systemd/make-units", folder, BUILD / "bin", BUILD / "cgi-bin", "/doc"],
                   check=True, timeout=60)
    return folder


def test_every_program_has_its_units_and_nothing_else_has(units):
    assert sorted(file.name for file in units.iterdir()) == sorted(
        [f"hallpass-{name}.service" for name in SERVICES] + [f"hallpass-{name}.socket" for name in RESPONDERS])


def test_systemd_finds_nothing_wrong_with_them(units):
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", *sorted(units.iterdir())],
                            capture_output=True, text=True, timeout=120)
    complaints = [line for line in (result.stdout + result.stderr).splitlines() if "hallpass" in line]
    assert (result.returncode, complaints) == (0, []), result.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_the_exposure_of_a_service_is_low(service, units):
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX * 10:.0f}",
         units / f"hallpass-{service}.service"], capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for hallpass-\w+\.service: ([\d.]+)", result.stdout)
    assert found, result.stdout + result.stderr
    assert (float(found[1]) <= EXPOSURE_MAX, result.returncode) == (True, 0), result.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_only_who_calls_others_has_a_network(service, units):
    settings = Unit(units / f"hallpass-{service}.service")["Service"]
    if service in CALLERS:
        assert "PrivateNetwork" not in settings
        assert settings["RestrictAddressFamilies"].split() == ["AF_UNIX", "AF_INET", "AF_INET6"]
    else:
        assert (settings["PrivateNetwork"], settings["IPAddressDeny"]) == ("yes", "any")
        assert settings["RestrictAddressFamilies"] == "AF_UNIX"


@pytest.mark.parametrize("service", SERVICES)
def test_who_may_wait_in_hundreds_of_threads_keeps_no_cache_for_each(service, units):
    environment = Unit(units / f"hallpass-{service}.service")["Service"].get("Environment", "").split()
    assert environment == (SETTINGS_OF_CALLERS if service in CALLERS else [])


def test_the_c_library_knows_what_it_is_told_of_its_caches():
    known = subprocess.run(["ld.so", "--list-tunables"], check=True, timeout=60, capture_output=True, text=True).stdout
    (tunable,) = [each.split("=")[1] for each in SETTINGS_OF_CALLERS if each.startswith("GLIBC_TUNABLES=")]
    assert re.search(rf"^{re.escape(tunable)}: ", known, re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_leaves_no_core_and_no_open_file_behind(service, units):
    settings = Unit(units / f"hallpass-{service}.service")["Service"]
    expected = {"User": "hallpass", "Group": "hallpass", "UMask": "0077", "LimitCORE": "0", "LimitNOFILE": "16384",
                "StateDirectory": "hallpass", "StateDirectoryMode": "0700", "ConfigurationDirectoryMode": "0750"}
    assert {key: settings.get(key) for key in expected} == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_longer_to_end_than_it_keeps_an_answer_of_zooms(service, units):
    """Which it has from the last call that it began, of as much time as can be configured, until a disk takes it."""
    kept_ms, call_ms = (math.prod(map(int, re.search(pattern, (ROOT / file).read_text())[1].split("*")))
                        for file, pattern in KEEPS_AN_ANSWER)
    stop = Unit(units / f"hallpass-{service}.service")["Service"]["TimeoutStopSec"]
    assert int(re.fullmatch(r"(\d+)min", stop)[1]) * 60_000 > kept_ms + call_ms


@pytest.mark.parametrize("service", SERVICES)
def test_who_ends_by_itself_is_not_started_before_it_is_needed(service, units):
    settings = Unit(units / f"hallpass-{service}.service")["Service"]
    assert settings["Restart"] == ("always" if service == "worker" else "on-failure")


@pytest.mark.parametrize("program", RESPONDERS)
def test_only_the_web_server_may_write_to_a_socket(program, units):
    settings = Unit(units / f"hallpass-{program}.socket")["Socket"]
    assert settings["ListenStream"] == f"/run/hallpass/{program}.sock"
    assert (settings["Accept"], settings["SocketMode"]) == ("no", "0660")
    assert (settings["SocketUser"], settings["SocketGroup"]) == ("root", "www-data")
    assert Unit(units / f"hallpass-{program}.service")["Service"]["StandardInput"] == "socket"


def supervisor(stack, units, program):
    """As the program's units have it."""
    return Supervisor(stack, program, Unit(units / f"hallpass-{program}.service")["Service"]["ExecStart"].split(),
                      int(Unit(units / f"hallpass-{program}.socket")["Socket"]["Backlog"]))


def test_a_restart_under_load_loses_no_request(private_stack, units):
    stack = private_stack()
    project = stack.create_project()
    end(stack, "bots")
    statuses, failures, is_over = [], [], threading.Event()

    def ask():
        api = stack.api(project.key)
        while not is_over.is_set():
            try:
                statuses.append(api.get("/api/v1/bots").status)
            except OSError as error:
                failures.append(error)

    with supervisor(stack, units, "bots") as bots:
        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        for _ in range(10):
            before = len(statuses)
            wait_until(lambda: len(statuses) > before + 40 or failures, timeout=30, what="requests under way")
            bots.stop()
            bots.start()
        is_over.set()
        for client in clients:
            client.join(60)
    assert failures == []
    assert set(statuses) == {200}
