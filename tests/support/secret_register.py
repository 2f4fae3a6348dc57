"""Every secret that the tests use, and the search for them in what the product leaves behind."""

import base64
import os
import subprocess
import tempfile
import threading
from urllib.parse import quote

# Shorter ones, and ones like "aaaa…", are made up for bad input and stand in other texts by chance.
LENGTH_MIN, DISTINCT_CHARACTERS_MIN = 8, 5

# A long one is looked for by its end, which is random, as a token's signature is: so it is found cut off, too, and
# tens of thousands of tokens cost grep, which takes 90 bytes for each of theirs, no gigabytes.
END_LENGTH, DISTINCT_IN_END_MIN = 40, 16

# What grep has time for: with 40,000 ends it reads 10 MB a second, and did 2.7 on two processors with a load of 16.
LIMIT_S_MIN, BYTES_A_SECOND_MIN = 60, 500_000

# Fields of requests whose text nobody may find again.
SECRET_FIELDS = ("client_secret", "webhook_secret", "signing_secret", "authorization_code",
                 "code_verifier")


def telling_part(form):
    """By which a secret's form is looked for: its end, where that cannot stand in other texts by chance."""
    end = form[-END_LENGTH:]
    return end if len(set(end)) >= DISTINCT_IN_END_MIN else form


def limit_s(files):
    return LIMIT_S_MIN + sum(os.path.getsize(file) for file in files) / BYTES_A_SECOND_MIN


class SecretRegister:
    def __init__(self):
        self.lock = threading.Lock()
        self.kinds = {}  # secret: what it is, to name it without showing it
        self.handed_out = set()  # those which belong in answers, but nowhere at rest

    def add(self, kind, secret, in_answers=False):
        if (not isinstance(secret, str) or len(secret) < LENGTH_MIN
                or len(set(secret)) < DISTINCT_CHARACTERS_MIN or not secret.isprintable()):
            return
        with self.lock:
            self.kinds.setdefault(secret, kind)
            if in_answers:
                self.handed_out.add(secret)

    def add_app(self, client_id, client_secret):
        self.add("client_secret", client_secret)
        pair = f"{client_id}:{client_secret}".encode()
        self.add("client_id:client_secret in base64", base64.b64encode(pair).decode())

    def add_fields(self, body):
        """Those of a request that is being sent."""
        if isinstance(body, dict):
            for name in SECRET_FIELDS:
                self.add(name, body.get(name))

    def add_simulators(self, zoom, client_id=None):
        """All that the Zoom simulator gave out or was sent."""
        self.add_grants(zoom, client_id)
        for call in zoom.requests(client_id=client_id, path="/oauth/*", limit=100_000)["requests"]:
            for name in ("code", "refresh_token", "token"):
                self.add(name, (call["form"] or {}).get(name))
        for minted in zoom.minted_tokens(**({"client_id": client_id} if client_id else {})):
            self.add(f"{minted['kind']} token", minted["token"], in_answers=True)

    def add_grants(self, zoom, client_id=None):
        """Those that there are: all else it keeps, but no grant whose user has authorized again."""
        for grant in zoom.grants(client_id):
            self.add("refresh_token", grant["refresh_token"])
            for access in grant["access_tokens"]:
                self.add("access_token", access["token"])

    def find_in(self, files, answers=False):
        """"file: kind" for each secret that stands in clear in one of the files."""
        with self.lock:
            parts = {telling_part(form): kind for secret, kind in self.kinds.items()
                     if not (answers and secret in self.handed_out)
                     for form in (secret, quote(secret, safe=""),
                                  base64.b64encode(secret.encode()).decode().rstrip("="))}
        # Plain files: the worker's doorbell stands beside the database, and reading it would wait.
        files = [os.fspath(file) for file in files if os.path.isfile(file)]
        if not parts or not files:
            return []
        with tempfile.NamedTemporaryFile("w") as patterns:
            patterns.write("".join(part + "\n" for part in parts))
            patterns.flush()
            grep = subprocess.run(
                ["grep", "--text", "--devices=skip", "--only-matching", "--with-filename", "--null",
                 "--fixed-strings", "--file", patterns.name, "--", *files],
                capture_output=True, text=True, errors="replace", timeout=limit_s(files),
                env={"LC_ALL": "C", "PATH": os.environ["PATH"]})
        assert grep.returncode in (0, 1), grep.stderr
        found = set()
        for line in grep.stdout.splitlines():
            file, _, part = line.partition("\0")
            found.add(f"{file}: {parts[part]}")
        return sorted(found)
