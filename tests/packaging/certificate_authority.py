"""Let's Encrypt's part, played by their Pebble on a machine's network; who is on that machine trusts it."""

import json
import os
import ssl
import subprocess
import urllib.request
from contextlib import contextmanager

from support.waiting import wait_until

PORT, MANAGEMENT_PORT, DNS_PORT = 14000, 15000, 8053
TRUSTED = "/usr/local/share/ca-certificates"


def make_certificate(folder, host):
    """certificate.pem and key.pem of the host, signed by itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-subj", f"/CN={host}",
                    "-addext", f"subjectAltName=DNS:{host}", "-days", "2"], check=True, timeout=60, capture_output=True)
    return folder / "certificate.pem"


def trust(machine, name, certificate):
    """Before ca-certificates is there, which takes up what it finds."""
    folder = machine.path(TRUSTED)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.crt").write_bytes(certificate)


def fetch_root(tls):
    """None while it starts."""
    try:
        with urllib.request.urlopen(f"https://localhost:{MANAGEMENT_PORT}/roots/0", context=tls, timeout=20) as answer:
            return answer.read()
    except OSError:
        return None


@contextmanager
def certificate_authority(machine, directory):
    """It looks hosts up where all names are of the machine itself, and asks the web server there on port 80."""
    certificate = make_certificate(directory, "localhost")
    (directory / "pebble.json").write_text(json.dumps({"pebble": {
        "listenAddress": f"127.0.0.1:{PORT}", "managementListenAddress": f"127.0.0.1:{MANAGEMENT_PORT}",
        "certificate": "certificate.pem", "privateKey": "key.pem", "httpPort": 80, "tlsPort": 443}}))
    names = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{DNS_PORT}",
             "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:8055"]
    pebble = ["pebble", "-config", "pebble.json", "-dnsserver", f"127.0.0.1:{DNS_PORT}"]
    environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1"}
    with machine.network(), open(directory / "pebble.log", "wb") as log:
        surroundings = {"cwd": directory, "env": environment, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        with subprocess.Popen(names, **surroundings) as names, subprocess.Popen(pebble, **surroundings) as pebble:
            try:
                tls = ssl.create_default_context(cafile=certificate)
                root = wait_until(lambda: fetch_root(tls), timeout=60, what="the authority")
                trust(machine, "acme_server", certificate.read_bytes())
                trust(machine, "acme_root", root)
                settings = machine.path("/root/.config/letsencrypt")
                settings.mkdir(parents=True)
                (settings / "cli.ini").write_text(f"server = https://localhost:{PORT}/dir\n")
                yield
            finally:
                pebble.terminate()
                names.terminate()
