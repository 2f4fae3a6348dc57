"""What the demo runs: the Zoom simulator, a receiver, and a whole stack, in one temporary folder."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from support.port import free_port
from zoom_simulator.client import ZoomSimulator

from .receiver import Receiver

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD") or ROOT / "build").resolve()
COMMAND_LIMIT_S = 60


class DemoFailed(Exception):
    """Something did not give what the story says."""


class Stage:
    """`environment` is that of a person who has pasted everything that was shown so far."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hallpass-demo-")).resolve()
        # No setting of somebody's own Hallpass, and no proxy for this machine's own addresses.
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("HALLPASS_")}
        self.environment |= {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
        self.zoom = self.receiver = self.url = None

    def open_zoom(self):
        self.zoom = ZoomSimulator.start()

    def open_hallpass(self):
        self.receiver = Receiver(self.folder / "inbox")
        errors = self.start_stack(free_port())
        if errors:
            raise DemoFailed(f"scripts/stack could not start:\n{errors}")
        # Each curl tells its status on standard error, and nobody's own .curlrc has a say.
        (self.folder / ".curlrc").write_text('write-out = "%{stderr}%{http_code}\\n"\n')
        self.environment["CURL_HOME"] = str(self.folder)

    def start_stack(self, port):
        """What went wrong, if anything did."""
        self.url = f"http://127.0.0.1:{port}"
        settings = {"HALLPASS_ZOOM_OAUTH_URL": self.zoom.oauth_url,
                    "HALLPASS_ZOOM_API_URL": self.zoom.api_url, "HALLPASS_PUBLIC_URL": self.url,
                    "HALLPASS_ALLOW_PRIVATE_URLS": "true"}  # the receiver is on this machine
        # In a session of its own, out of Ctrl-C's reach: stopped half-way it would leave things behind.
        process = subprocess.Popen(
            [ROOT / "scripts/stack", "up", "--dir", self.folder, "--port", str(port),
             "--build", BUILD], env=self.environment | settings, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate()
        finally:
            process.wait()
        return errors.strip() or "it does not say why" if process.returncode else None

    def run(self, command):
        """
        (what the command printed, the statuses that its curls were answered with); the latter are
        run together where several curls run at once.
        """
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, text=True,
                              env=self.environment, capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=COMMAND_LIMIT_S)
        if done.returncode != 0 or re.search(r"[^\d\s]", done.stderr):
            raise DemoFailed(f"this command ended with {done.returncode}:\n{command}\n"
                             f"{done.stdout}{done.stderr}".rstrip())
        return done.stdout.strip(), [int(status) for status in done.stderr.split()]

    def has_logs(self):
        return (self.folder / "logs").is_dir()

    def close(self, keeps_folder):
        down = subprocess.run([ROOT / "scripts/stack", "down", "--dir", self.folder])
        if self.receiver:
            self.receiver.stop()
        if self.zoom:
            self.zoom.stop()
        if down.returncode != 0:
            raise DemoFailed(f"scripts/stack down failed; what is left is in {self.folder}")
        if not keeps_folder:
            shutil.rmtree(self.folder)
