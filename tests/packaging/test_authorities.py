"""Zoom's certificate is proved wherever a system keeps those of the public authorities, not on Debian alone."""

import http.server
import json
import ssl
import subprocess
import threading

import pytest

from certificate_authority import make_certificate
from machine import is_possible
from support.stack import BUILD

FILES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
         "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"]
ELSEWHERE = "/etc/certificates.pem"

# another_system FILE CERTIFICATES COMMAND…: where FILE, and no other file, has the certificates.
ANOTHER_SYSTEM = """mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/changes /mnt/work &&
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/changes,workdir=/mnt/work overlay /etc &&
rm -rf /etc/ssl /etc/pki && mkdir -p "${1%/*}" && cp "$2" "$1" && shift 2 && exec "$@"
"""

pytestmark = pytest.mark.skipif(not is_possible(), reason="nothing may be mounted here")


class Zoom(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With an authority that has proved itself to be localhost."""
    folder = tmp_path_factory.mktemp("authority")
    make_certificate(folder, "localhost")
    return folder


@pytest.fixture(scope="module")
def url(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Zoom) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture
def look(folder, url, tmp_path):
    """`look(file)`: what doctor says of Zoom where that file has the certificates."""
    def look(file):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HALLPASS_DATABASE": str(tmp_path / "hallpass.db"),
                       "HALLPASS_ENCRYPTION_KEY_FILE": str(tmp_path / "encryption.keys"),
                       "HALLPASS_ZOOM_OAUTH_URL": url, "HALLPASS_ZOOM_API_URL": url}
        result = subprocess.run(
            ["unshare", "--mount", "sh", "-c", ANOTHER_SYSTEM, "another_system", file, folder / "certificate.pem",
             BUILD / "bin/hallpass", "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=60)
        found = {each["check"]: each for each in json.loads(result.stdout)["findings"]}
        return found["zoom_oauth_url"]

    return look


@pytest.mark.parametrize("file", FILES)
def test_zoom_is_trusted_by_the_certificates_of_this_system(file, look):
    assert look(file)["level"] == "ok"


def test_zoom_is_not_trusted_by_what_is_not_one_of_them(look):
    found = look(ELSEWHERE)
    assert found["level"] == "fail" and "TLS failed" in found["finding"]
