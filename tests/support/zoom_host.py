"""Something that answers where Zoom is looked for, with a clock of its own."""

import datetime
import email.utils
import http.server


class ZoomHost(http.server.ThreadingHTTPServer):
    ahead_s = 0
    has_date = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response_only(404)
        if self.server.has_date:
            now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.server.ahead_s)
            self.send_header("Date", email.utils.format_datetime(now, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass
