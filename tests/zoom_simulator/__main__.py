"""Start the simulator: `python3 tests/zoom_simulator --port 0` prints `ready URL` and serves."""

import argparse
import gc
import os
import resource
import signal
import sys
import threading

if not __package__:
    # Run as a folder, Python puts this folder itself on the path; the package is one level up.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from zoom_simulator.http_server import HttpServer  # noqa: E402
from zoom_simulator.simulator import Simulator  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(prog="zoom_simulator", description="A stand-in for Zoom.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--until-stdin-closes", action="store_true",
                        help="end when the program that started this one goes away")
    return parser.parse_args()


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def allow_many_connections():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def stay_even():
    """Answers that now and then take 0.2 s would look like findings in somebody's benchmark."""
    sys.setswitchinterval(0.001)  # a control call must not keep Zoom's side waiting for 5 ms
    gc.set_threshold(50_000, 20, 20)  # the log is large, and hardly anything here is cyclic


def main():
    arguments = parse_arguments()
    # Blocked before any thread starts, so that none is interrupted and sigwait sees every signal.
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    allow_many_connections()
    stay_even()
    simulator = Simulator()
    try:
        server = HttpServer(arguments.host, arguments.port, simulator.handle)
    except OSError as error:
        sys.exit(f"zoom_simulator: cannot listen on {arguments.host}:{arguments.port}: "
                 f"{error.strerror}; choose another --port")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if arguments.until_stdin_closes:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    print("ready", server.url, flush=True)
    signal.sigwait(stop_signals)
    # Hundreds of threads may be blocked in sockets; nothing here needs an orderly goodbye.
    os._exit(0)


main()
