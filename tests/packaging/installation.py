"""The package on a machine, with its site enabled and a Zoom simulator where it looks for Zoom."""

import http.client
import json
import ssl
import subprocess
import time
from contextlib import contextmanager

from support.http_client import Api
from support.secret_register import SecretRegister
from support.stack import ROOT
from support.waiting import wait_until
from zoom_simulator.client import ZoomSimulator

CERTIFICATES = "/etc/letsencrypt/live/bots.example.com"


class TlsApi(Api):
    def __init__(self, tls, key, secrets):
        super().__init__("https://127.0.0.1:443", key, secrets)
        self.tls = tls

    def connection(self):
        if getattr(self.local, "connection", None) is None:
            self.local.connection = http.client.HTTPSConnection(*self.address, context=self.tls, timeout=60)
            self.local.used_at = time.monotonic()
        return super().connection()


class Installation:
    """Its own thread has to be on the machine's network: see installation_on()."""

    def __init__(self, machine, zoom):
        self.machine, self.zoom, self.secrets = machine, zoom, SecretRegister()

    def install(self, package):
        return self.machine.run("dpkg", "--force-unsafe-io", "--install", package)

    def configure(self):
        """The administrator's part: Zoom is the simulator, and the site has a certificate."""
        folder = self.machine.path(CERTIFICATES)
        folder.mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem",
                        "-subj", "/CN=bots.example.com", "-days", "2"], check=True, timeout=60, capture_output=True)
        self.tls = ssl.create_default_context(cafile=folder / "fullchain.pem")
        self.tls.check_hostname = False
        with open(self.machine.path("/etc/hallpass/hallpass.conf"), "a") as config:
            config.write(f"zoom_oauth_url = {self.zoom.oauth_url}\nzoom_api_url = {self.zoom.api_url}\n")
        self.machine.run("systemctl", "restart", "hallpass-*.service")
        self.enable_site()

    def enable_site(self):
        self.machine.run("ln", "-sf", "../sites-available/hallpass", "/etc/nginx/sites-enabled/hallpass")
        self.machine.run("nginx", "-t")
        self.machine.run("systemctl", "reload-or-restart", "nginx.service")

    def api(self, key):
        return TlsApi(self.tls, key, self.secrets)

    def hallpass(self, *arguments):
        return self.machine.run("hallpass", *arguments).stdout

    def create_key(self):
        return json.loads(self.hallpass("project", "create", "tests", "--json"))["api_key"]

    def doctor(self):
        """As its own user; it must find all well."""
        return json.loads(self.machine.run("runuser", "-u", "hallpass", "--", "hallpass", "doctor", "--json").stdout)

    def serves(self):
        try:
            return self.api(None).get("/ready").status == 200
        except OSError:
            return False  # nginx reads its sites in the background

    def wait_until_it_serves(self):
        wait_until(self.serves, timeout=120, what="the installation")


@contextmanager
def installation_on(machine, package):
    with machine.network(), ZoomSimulator.start() as zoom:
        installation = Installation(machine, zoom)
        installation.install(package)
        installation.configure()
        installation.wait_until_it_serves()
        yield installation


def build_package(build):
    """What `make deb` makes."""
    made = subprocess.run([ROOT / "packaging/make-deb", build], check=True, timeout=900, capture_output=True, text=True)
    return made.stdout.strip()


def newer_package(package, directory):
    """The same package as a later version."""
    tree = directory / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True, timeout=60)
    control = tree / "DEBIAN/control"
    text = control.read_text()
    [version] = [line for line in text.splitlines() if line.startswith("Version: ")]
    control.write_text(text.replace(version, version + "+next"))
    newer = directory / "hallpass_next.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, newer], check=True, timeout=60,
                   capture_output=True)
    return newer
