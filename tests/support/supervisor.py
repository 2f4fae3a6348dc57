"""systemd's part: it keeps a program's listening socket, and starts the program as its units say."""

import os
import select
import signal
import socket
import subprocess
import threading

LOOK_S = 0.1


class Supervisor:
    """`command` on a socket of that name among the stack's; `settings` are HALLPASS_… variables."""

    def __init__(self, stack, name, command, backlog=4096, **settings):
        self.stack, self.command = stack, command
        self.log, self.path = stack.directory / f"logs/{name}.log", stack.directory / f"sockets/{name}.sock"
        self.environment = {"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(stack.config)} | settings
        self.socket = socket.socket(socket.AF_UNIX)
        self.path.unlink(missing_ok=True)
        working_directory = os.open(self.path.parent, os.O_PATH)  # the address of a socket has a length limit
        self.socket.bind(f"/proc/self/fd/{working_directory}/{self.path.name}")
        os.close(working_directory)
        self.socket.listen(backlog)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.socket.close()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=self.socket, stdout=log, stderr=log,
                                            cwd=self.stack.directory, env=self.environment)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0

    def pid(self):
        """None where it has ended."""
        return self.process.pid if self.process.poll() is None else None


class OnDemand(Supervisor):
    """One that starts the program when somebody connects, and again when somebody connects after its end."""

    def __enter__(self):
        self.process, self.statuses, self.is_over = None, [], threading.Event()
        self.thread = threading.Thread(target=self.start_whenever_somebody_comes)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        if self.pid() is not None:
            self.stop()
        self.socket.close()

    def pid(self):
        return super().pid() if self.process else None

    def start_whenever_somebody_comes(self):
        while not self.is_over.is_set():
            if select.select([self.socket], [], [], LOOK_S)[0]:
                self.start()
                self.wait_for_its_end()

    def wait_for_its_end(self):
        """Whoever asks for the pid meanwhile may be the first to see it."""
        while not self.is_over.is_set():
            try:
                self.statuses.append(self.process.wait(LOOK_S))
                return
            except subprocess.TimeoutExpired:
                pass  # it serves
