"""What the tests themselves stand on: the search for secrets, looking at somebody else's database, state in memory."""

import base64
import contextlib
import os
import pathlib
import resource
import socket
import tempfile
import types
from urllib.parse import quote

import pytest

from support import state_directory
from support.database import as_owner_of
from support.secret_register import SecretRegister, limit_s
from support.supervisor import OnDemand
from support.waiting import wait_until
from support.web_host import NOBODY
from zoom_simulator.tokens import jwt

SECRET = "Zk9+quite/secret=8fJ2"


@contextlib.contextmanager
def limited_memory(more):
    """For this process and the programs that it starts: `more` bytes than it has by now."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    size = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.fixture
def register():
    register = SecretRegister()
    register.add("client_secret", SECRET)
    return register


@pytest.mark.parametrize("form", [
    SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()])
def test_a_secret_in_clear_is_found_among_other_bytes(register, tmp_path, form):
    file = tmp_path / "hallpass.db-wal"
    file.write_bytes(b"\0\xff\r\n" + b"before" + form.encode() + b"after\0")
    assert register.find_in([tmp_path / "hallpass.db-wal"]) == [f"{file}: client_secret"]


def test_nothing_is_found_where_no_secret_is(register, tmp_path):
    (tmp_path / "log").write_bytes(SECRET[:-1].encode())
    assert register.find_in([tmp_path / "log"]) == []


def test_a_token_that_was_handed_out_may_be_in_an_answer_only(register, tmp_path):
    register.add("local_recording token", "r4nd0mtok3n", in_answers=True)
    (tmp_path / "file").write_text("{\"app_privilege_token\": \"r4nd0mtok3n\"}")
    assert register.find_in([tmp_path / "file"], answers=True) == []
    assert len(register.find_in([tmp_path / "file"])) == 1


def test_secrets_of_requests_are_taken_up(tmp_path):
    register = SecretRegister()
    register.add_fields({"client_secret": "abcdefgh", "authorization_code": ["not text"], "name": "known name"})
    (tmp_path / "file").write_text("known name, abcdefgh")
    assert register.find_in([tmp_path / "file"]) == [f"{tmp_path / 'file'}: client_secret"]


@pytest.mark.parametrize("in_base64", [False, True])
def test_a_token_is_found_where_only_its_end_stands(tmp_path, in_base64):
    register, token = SecretRegister(), jwt("access_token", 2_000_000_000)
    register.add("access_token", token)
    written = base64.b64encode(token.encode()).decode() if in_base64 else token
    (tmp_path / "log").write_text(written[-100:])
    assert register.find_in([tmp_path / "log"]) == [f"{tmp_path / 'log'}: access_token"]


def test_a_secret_whose_end_may_stand_anywhere_is_looked_for_whole(tmp_path):
    register = SecretRegister()
    register.add("client_secret", "secret of " + 60 * "x")
    (tmp_path / "file").write_text(100 * "x")
    assert register.find_in([tmp_path / "file"]) == []
    (tmp_path / "file").write_text("a secret of " + 100 * "x")
    assert register.find_in([tmp_path / "file"]) == [f"{tmp_path / 'file'}: client_secret"]


def test_the_tokens_of_a_long_run_are_looked_for_in_little_memory(tmp_path):
    """At 20,000 of them, each whole and in base64, grep needs 2.9 GB."""
    register, tokens = SecretRegister(), [jwt("access_token", 2_000_000_000) for _ in range(20_000)]
    for token in tokens:
        register.add("access_token", token)
    (tmp_path / "log").write_text(f"…{tokens[-1]}…")
    with limited_memory(500 << 20):
        assert register.find_in([tmp_path / "log"]) == [f"{tmp_path / 'log'}: access_token"]


def test_more_is_searched_in_more_time(tmp_path):
    for name, size in ("small", 1 << 10), ("large", 1 << 30):
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
    assert limit_s([tmp_path / "small"]) == pytest.approx(60, abs=1)
    assert limit_s([tmp_path / "small", tmp_path / "large"]) > 2000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_is_made_beside_the_file_of_another_user_is_that_users_from_the_first():
    with tempfile.TemporaryDirectory() as folder:  # the folders of pytest are closed to other users
        os.chown(folder, NOBODY, NOBODY)
        with as_owner_of(folder):
            pathlib.Path(folder, "hallpass.db-wal").touch()
        pathlib.Path(folder, "after").touch()
        assert [pathlib.Path(folder, name).stat().st_uid for name in ("hallpass.db-wal", "after")] == [NOBODY, 0]


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """Some folder plays it: whether this machine has a real one is its own affair."""
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(state_directory, "MEMORY", memory)
    monkeypatch.setattr(state_directory, "ROOM_BYTES", 0)
    return memory


def test_what_was_in_memory_can_be_read_afterwards(memory, tmp_path):
    with state_directory.in_memory(tmp_path / "kept") as folder, socket.socket(socket.AF_UNIX) as listening:
        assert folder.parent == memory
        (folder / "logs").mkdir()
        (folder / "logs/worker.log").write_text("what happened")
        listening.bind(str(folder / "socket"))
    assert (tmp_path / "kept/logs/worker.log").read_text() == "what happened"
    assert not folder.exists() and not (tmp_path / "kept/socket").exists()


def test_a_machine_without_room_in_memory_has_the_state_on_its_disk(memory, tmp_path, monkeypatch):
    monkeypatch.setattr(state_directory, "ROOM_BYTES", 1 << 62)
    with state_directory.in_memory(tmp_path) as folder:
        assert folder == tmp_path
    monkeypatch.setattr(state_directory, "MEMORY", tmp_path / "absent")
    assert state_directory.memory() is None


def test_a_program_that_ends_is_seen_to_end_also_where_somebody_asks_for_its_pid_just_then(tmp_path, monkeypatch):
    class Late(OnDemand):
        def pid(self):
            if self.process:
                self.process.wait()
            return super().pid()

    for folder in "logs", "sockets":
        (tmp_path / folder).mkdir()
    stack = types.SimpleNamespace(directory=tmp_path, config=tmp_path / "none")
    with Late(stack, "brief", ["true"]) as brief, contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        monkeypatch.chdir(tmp_path)  # the address of a socket has a length limit
        connection.connect("sockets/brief.sock")
        wait_until(lambda: brief.statuses, what="the end of the program")
        assert set(brief.statuses) == {0}
