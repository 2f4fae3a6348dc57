"""How many threads a responder has: as many as it had requests at once lately, and no more than it may."""

import contextlib
import os
import pathlib
import resource
import signal

from support.fastcgi import KeptConnection
from support.processes import pids_of
from support.waiting import wait_until

THREADS = 8
PROGRAM, PATH = "webhooks", "/api/v1/webhooks"


def threads_of(stack):
    """Without the main one, which only waits for the end."""
    (pid,) = pids_of(stack, PROGRAM)
    return len(os.listdir(f"/proc/{pid}/task")) - 1


def connections_of(pid):
    """Without the socket that it listens on, which is its standard input."""
    files = (pathlib.Path(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd") if name != "0")
    return sum(os.readlink(file).startswith("socket:") for file in files)


@contextlib.contextmanager
def silent_connections(stack, count):
    """Each keeps a thread that waits for its request."""
    with contextlib.ExitStack() as at_end:
        for _ in range(count):
            at_end.enter_context(KeptConnection(stack.directory / f"sockets/{PROGRAM}.sock"))
        yield


def test_requests_one_after_the_other_need_few_threads(private_stack):
    """One that accepts and one that serves; and now and then another, since an answer is sent before all is done."""
    stack = private_stack(HALLPASS_THREADS=64)
    assert threads_of(stack) == 1
    api = stack.create_project().api
    for _ in range(50):
        api.get(PATH).must_be(200)
    assert 2 <= threads_of(stack) < 10


def test_requests_at_once_have_a_thread_each_as_long_as_there_may_be_more(private_stack):
    stack = private_stack(HALLPASS_THREADS=THREADS)
    api = stack.create_project().api
    with silent_connections(stack, THREADS - 2):
        wait_until(lambda: threads_of(stack) == THREADS - 1, what="a thread for each, and one that accepts")
        api.get(PATH).must_be(200)
    with silent_connections(stack, 3 * THREADS):
        wait_until(lambda: threads_of(stack) == THREADS, what="all threads")
    api.get(PATH).must_be(200)
    assert threads_of(stack) == THREADS


def own_kib(stack):
    """What the program has that no file has."""
    (pid,) = pids_of(stack, PROGRAM)
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


def test_threads_with_nothing_to_do_go_and_give_their_memory_back(private_stack):
    """What is left are one that accepts and one that would be the next."""
    stack = private_stack(HALLPASS_THREADS=300)
    api = stack.create_project().api
    api.get(PATH).must_be(200)
    before = own_kib(stack)
    with silent_connections(stack, 250):
        wait_until(lambda: threads_of(stack) > 250, what="a thread for each")
        crowd = own_kib(stack)
    assert crowd > 3 * before
    wait_until(lambda: threads_of(stack) <= 2, timeout=60, what="the end of the others")
    wait_until(lambda: own_kib(stack) < before + (crowd - before) / 4, what="their memory")
    with silent_connections(stack, 20):
        wait_until(lambda: threads_of(stack) > 20, what="threads that are started again")
        api.get(PATH).must_be(200)


def test_a_thread_that_cannot_be_started_is_told_of_and_the_others_serve_on(private_stack):
    stack = private_stack()
    api = stack.create_project().api
    api.get(PATH).must_be(200)
    (pid,) = pids_of(stack, PROGRAM)
    size = int(open(f"/proc/{pid}/statm").read().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size + (40 << 20), resource.RLIM_INFINITY))
    log = stack.directory / f"logs/{PROGRAM}.log"
    with silent_connections(stack, 20):
        wait_until(lambda: "no more threads" in log.read_text(), what="the word of it")
        assert threads_of(stack) < 10
    for _ in range(20):
        api.get(PATH).must_be(200)
    assert pids_of(stack, PROGRAM) == [pid]


def test_the_end_comes_while_threads_are_still_being_started(private_stack):
    """Those that are started last are waited for as well, and none is started for ever."""
    stack = private_stack()
    for _ in range(10):
        (pid,) = wait_until(lambda: pids_of(stack, PROGRAM), what="the program")
        with silent_connections(stack, 30):
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: pid not in pids_of(stack, PROGRAM), what="its end")
    wait_until(lambda: pids_of(stack, PROGRAM), what="another one")
    stack.create_project().api.get(PATH).must_be(200)


def test_the_end_comes_where_a_kept_connection_was_closed_last(private_stack):
    """Whoever hears of that has the turn to accept, and has to tell those who wait for it."""
    stack = private_stack()
    (pid,) = pids_of(stack, PROGRAM)
    for _ in range(3):
        with KeptConnection(stack.directory / f"sockets/{PROGRAM}.sock") as connection:
            assert connection.get(PATH) == 401
    wait_until(lambda: connections_of(pid) == 0, what="the end of all connections")
    assert threads_of(stack) > 1
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: pid not in pids_of(stack, PROGRAM), what="its end")
