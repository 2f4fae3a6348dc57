"""The nginx site as it is installed, in an nginx of its own, in front of the responders of a stack."""

import http.client
import os
import ssl
import subprocess
from contextlib import contextmanager

from certificate_authority import make_certificate
from support.answer import Answer
from support.port import free_port
from support.stack import ROOT

CERTIFICATE = "/etc/letsencrypt/live/bots.example.com/fullchain.pem"
CERTIFICATE_KEY = "/etc/letsencrypt/live/bots.example.com/privkey.pem"
NGINX = """daemon off; pid nginx.pid; error_log nginx.log; {user} events {{ }}
http {{
	client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
	uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	include {site};
}}
"""


class Site:
    def __init__(self, directory):
        self.directory = directory
        self.http_port, self.https_port = free_port(), free_port()
        self.web_root = directory / "web"
        self.docs = directory / "share/hallpass/docs"

    def install(self, stack, changes):
        """As `make install` does it, with the administrator's part and what this machine lacks put in."""
        subprocess.run(["make", "--no-print-directory", "install-site", f"DESTDIR={self.directory}", "PREFIX="],
                       cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
        self.web_root.mkdir()
        self.docs.mkdir()
        own = self.directory / "share/hallpass/nginx"
        self.certify()
        changes = {
            "listen 80;": f"listen 127.0.0.1:{self.http_port};", "listen [::]:80;": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.https_port} ssl http2;",
            "listen [::]:443 ssl http2;": "", CERTIFICATE: "certificate.pem", CERTIFICATE_KEY: "key.pem",
            "/var/log/nginx": ".", "include /share": f"include {self.directory}/share", "/var/www/html": self.web_root,
        } | changes
        text = (own / "site.conf").read_text()
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, str(new))
        (own / "site.conf").write_text(text)
        server = (own / "server.conf").read_text()
        sockets = stack.directory / "sockets"
        (self.directory / "sockets").symlink_to(sockets)
        (own / "server.conf").write_text(server.replace("unix:/run/hallpass/", "unix:sockets/").replace(
            "alias /share/hallpass/docs/", f"alias {self.docs}/"))
        (self.directory / "nginx.conf").write_text(NGINX.format(
            user="user root;" if os.geteuid() == 0 else "", site=own / "site.conf"))

    def certify(self):
        # Where the configuration is, for that is what names in it are relative to.
        self.tls = ssl.create_default_context(cafile=make_certificate(self.directory, "bots.example.com"))
        self.tls.check_hostname = False

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.https_port, context=self.tls, timeout=20)

    def ask(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())

    def ask_often(self, count, method, path, body=None, headers=None):
        """The same request over one connection, as fast as it goes."""
        connection = self.connect()
        answers = [self.ask(method, path, body, headers, connection) for _ in range(count)]
        connection.close()
        return answers


@contextmanager
def site_before(stack, directory, changes=None):
    """`changes` are made to the text of the site: {what is there: what is to be}."""
    site = Site(directory)
    site.install(stack, changes or {})
    command = ["nginx", "-p", f"{directory}/", "-c", "nginx.conf", "-e", "nginx.log"]
    environment = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"}
    test = subprocess.run([*command, "-t"], cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    assert test.returncode == 0 and "[warn]" not in test.stderr, test.stderr
    with subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.DEVNULL) as nginx:
        try:
            yield site
        finally:
            nginx.terminate()
