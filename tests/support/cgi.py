"""One request as plain CGI: variables as RFC 3875 has them, the body on standard input."""

import os
import subprocess
from urllib.parse import unquote

from .answer import Answer
from .http_client import Api

# The programs of cgi-bin by the beginning of their paths, as nginx/hallpass.conf has them.
PROGRAMS = {
    "/api/v1/zoom_oauth_apps": "zoom_oauth_apps",
    "/api/v1/zoom_oauth_connections": "zoom_oauth_connections",
    "/api/v1/zoom_meetings": "zoom_oauth_connections",
    "/api/v1/zoom_oauth/webhooks": "zoom_webhooks",
    "/api/v1/bots": "bots",
    "/api/v1/webhooks": "webhooks",
    "/api/v1/token_callbacks": "token_callbacks",
    "/callbacks": "token_callbacks",
}


def program_of(path):
    for beginning, program in PROGRAMS.items():
        if (path + "/").startswith(beginning + "/"):
            return program
    return "status"


def variables_of(method, target, body, headers):
    path, _, query = target.partition("?")
    variables = {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "tests",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": unquote(path),
        "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)) if body else None,
    }
    for name, value in headers.items():
        name = name.upper().replace("-", "_")
        variables[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value
    return {name: value for name, value in variables.items() if value is not None}


def read_answer(output):
    head, found, body = output.partition(b"\r\n\r\n")
    assert found, f"not a CGI answer: {output!r}"
    headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
    status = dict(headers)["Status"]
    return Answer(int(status.split()[0]), headers, body)


class CgiApi(Api):
    """
    Api without any server: each request starts a program, with `settings` (HALLPASS_…) beside the
    stack's. Its log goes to the stack's logs.
    """

    def __init__(self, stack, programs, key, settings):
        super().__init__(stack.url, key, stack.secrets, stack.answers)
        self.stack, self.programs, self.settings = stack, programs, settings

    def exchange(self, method, target, body, headers):
        program = self.programs / program_of(target.partition("?")[0])
        result = subprocess.run(
            [program], input=body or b"", capture_output=True, timeout=60,
            env={"PATH": os.environ["PATH"], "HALLPASS_CONFIG": str(self.stack.config)}
            | self.settings | variables_of(method, target, body, headers))
        with open(self.stack.directory / "logs/cgi.log", "ab") as log:
            log.write(result.stderr)
        assert result.returncode == 0, result.stderr
        return read_answer(result.stdout)
