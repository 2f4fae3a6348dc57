"""Zoom as it really is: over https, by an nginx in front of bench/upstream.c."""

import contextlib
import functools
import pathlib
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from support.port import free_port  # noqa: E402
from support.waiting import wait_until  # noqa: E402

# Where libcurl has the certificates of the public authorities on Debian.
AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")

# trusting FILE COMMAND…: with that file in the place of the one above, for the command alone.
TRUSTING = f'mount --bind "$1" {AUTHORITIES} && shift && exec "$@"'

# As of a public one: a chain of two, RSA keys of 2048 bits.
KEY = ["-newkey", "rsa:2048", "-nodes", "-keyout"]
CERTIFICATES = [
    ["req", "-x509", *KEY, "root.key", "-out", "root.pem", "-subj", "/O=Bench/CN=Root"],
    ["req", "-new", *KEY, "middle.key", "-out", "middle.csr", "-subj", "/O=Bench/CN=Intermediate"],
    ["x509", "-req", "-in", "middle.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
     "-extfile", "extensions", "-extensions", "middle", "-out", "middle.pem"],
    ["req", "-new", *KEY, "zoom.key", "-out", "zoom.csr", "-subj", "/CN=localhost"],
    ["x509", "-req", "-in", "zoom.csr", "-CA", "middle.pem", "-CAkey", "middle.key", "-CAcreateserial",
     "-extfile", "extensions", "-extensions", "zoom", "-out", "zoom.pem"],
]
EXTENSIONS = "[middle]\nbasicConstraints=critical,CA:TRUE\n[zoom]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"

NGINX = """daemon off;
user root;
pid nginx.pid;
error_log error.log;
worker_processes 2;
worker_rlimit_nofile 16384;
events {{
	worker_connections 8192;
}}
http {{
	access_log off;
	keepalive_requests 1000000;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	upstream zoom {{
		server {upstream};
		keepalive 600;
	}}
	server {{
		listen 127.0.0.1:{port} ssl backlog=4096;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_certificate chain.pem;
		ssl_certificate_key zoom.key;
		location / {{
			proxy_pass http://zoom;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}}
	}}
}}
"""


def trusting(file):
    """What starts a command that goes by that file."""
    return ["unshare", "--mount", "sh", "-c", TRUSTING, "trusting", str(file)]


@functools.cache
def is_possible():
    """Whether this process may put a file in the place of another, as root may."""
    return subprocess.run([*trusting(AUTHORITIES), "true"], capture_output=True, timeout=10).returncode == 0


def make_certificates(directory):
    (directory / "extensions").write_text(EXTENSIONS)
    for arguments in CERTIFICATES:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=60)
    (directory / "chain.pem").write_text((directory / "zoom.pem").read_text() + (directory / "middle.pem").read_text())
    (directory / "all.pem").write_text(AUTHORITIES.read_text() + (directory / "root.pem").read_text())


def takes_connections(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Front:
    """`among_others` starts a command that trusts it as one more public authority, `alone` as the only one."""

    def __init__(self, directory, port):
        self.url = f"https://127.0.0.1:{port}"
        self.among_others, self.alone = trusting(directory / "all.pem"), trusting(directory / "root.pem")

    @classmethod
    @contextmanager
    def running(cls, upstream_url):
        with tempfile.TemporaryDirectory(prefix="hallpass-bench-") as name:
            directory, port = pathlib.Path(name), free_port()
            make_certificates(directory)
            (directory / "nginx.conf").write_text(NGINX.format(
                upstream=upstream_url.removeprefix("http://"), port=port))
            with subprocess.Popen(["/usr/sbin/nginx", "-p", directory, "-c", "nginx.conf", "-e", "error.log"],
                                  stderr=subprocess.DEVNULL) as nginx:
                try:
                    wait_until(lambda: takes_connections(port), what="nginx in front of Zoom")
                    yield cls(directory, port)
                finally:
                    nginx.terminate()
