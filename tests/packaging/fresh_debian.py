"""A machine with a Debian on which nothing was ever installed, and what is there before anybody comes to it."""

import fcntl
import functools
import http.server
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

from machine import machine_in
from support.stack import BUILD, ROOT

RELEASE = "bookworm"
PROXY_PORT = 3142  # as apt's own caches have it
REPOSITORY = "/srv/hallpass.git"


def mirror():
    """Where apt gets this machine's packages of that release from."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"],
                            check=True, timeout=60, capture_output=True, text=True).stdout
    return next(line.split()[0] for line in listed.splitlines() if line.endswith(f" {RELEASE}"))


@functools.cache
def system():
    """The folder of what debootstrap makes; it stays, for making it takes a minute."""
    folder = BUILD / "fresh-debian"
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "fresh-debian.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = BUILD / "fresh-debian.making"
            shutil.rmtree(making, ignore_errors=True)
            made = subprocess.run(["/usr/sbin/debootstrap", RELEASE, making, mirror()], timeout=900,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert made.returncode == 0, made.stdout
            making.rename(folder)
    return folder


class PackageProxy(http.server.BaseHTTPRequestHandler):
    """Fetches packages for a machine that has no network but loopback."""

    def do_GET(self):
        try:
            with urllib.request.urlopen(self.path, timeout=60) as answer:
                self.send_response(answer.status)
                if length := answer.headers["Content-Length"]:
                    self.send_header("Content-Length", length)
                self.end_headers()
                shutil.copyfileobj(answer, self.wfile)
        except urllib.error.HTTPError as error:
            self.send_error(error.code)

    def log_message(self, *_):
        """What fails, apt tells."""


@contextmanager
def packages_for(machine):
    """It listens on the machine's network, and fetches over ours."""
    with machine.network():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", PROXY_PORT), PackageProxy)
    with server:
        threading.Thread(target=server.serve_forever).start()
        try:
            machine.path("/etc/apt/apt.conf.d/proxy").write_text(
                f'Acquire::http::Proxy "http://127.0.0.1:{PROXY_PORT}";\n')
            yield
        finally:
            server.shutdown()


def publish(machine, directory):
    """A repository there to clone from, with this tree as it is, committed or not."""
    repository = directory / "hallpass.git"
    git = ["git", f"--git-dir={repository}", f"--work-tree={ROOT}"]
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"]
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "This tree"]):
        subprocess.run([*git, *command], cwd=ROOT, check=True, timeout=60)
    shutil.copytree(repository, machine.path(REPOSITORY))


@contextmanager
def fresh_debian(directory, *names):
    """`names` of hosts lead to it."""
    with machine_in(directory, system()) as machine, packages_for(machine):
        with open(machine.path("/etc/hosts"), "a") as hosts:
            hosts.write(f"127.0.0.1 localhost {' '.join(names)}\n")
        publish(machine, directory)
        yield machine
