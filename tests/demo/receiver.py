"""The application of whoever watches the demo: it takes what Hallpass tells it, and keeps it in files."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAIT_LIMIT_S = 15
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature")


class Receiver:
    """Under `folder`, the n-th notification in a folder n: its body, and the headers that prove it."""

    def __init__(self, folder):
        self.folder, self.count, self.states = folder, 0, {}
        self.has_arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.keep(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hallpass"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, headers, body):
        with self.has_arrived:
            self.count += 1
            folder = self.folder / str(self.count)
            folder.mkdir(parents=True)
            (folder / "body").write_bytes(body)
            for name in HEADERS:
                (folder / name).write_text(f"{headers[name]}\n")
            self.states[json.loads(body)["data"]["state"]] = self.count
            self.has_arrived.notify_all()

    def wait_for(self, state):
        """The number of the newest notification that tells of the state; None if none came in time."""
        with self.has_arrived:
            self.has_arrived.wait_for(lambda: state in self.states, WAIT_LIMIT_S)
            return self.states.get(state)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
