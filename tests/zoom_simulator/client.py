"""The simulator's control side for Python: every method is one call described in README.md."""

import http.client
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.parse import quote, urlencode, urlsplit

CALL_TIMEOUT_S = 200
WAIT_S = 30


class SimulatorError(Exception):
    """The simulator refused a control call: a mistake in the test."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class ZoomSimulator:
    """A simulator that runs already, or one that was started here and ends with `stop()`."""

    def __init__(self, url, process=None):
        self.url, self.process = url.rstrip("/"), process
        self.oauth_url, self.api_url = f"{self.url}/oauth", f"{self.url}/v2"
        self.connections = threading.local()

    @classmethod
    def start(cls, port=0):
        """Run one as a process of its own. It also ends when this program does."""
        folder = os.path.dirname(os.path.abspath(__file__))
        process = subprocess.Popen(
            [sys.executable, folder, "--port", str(port), "--until-stdin-closes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if not line.startswith("ready "):
            process.kill()
            process.wait()
            raise RuntimeError("the Zoom simulator did not start")
        return cls(line.split()[1], process)

    connect = classmethod(lambda cls, url: cls(url))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def call(self, method, path, /, **arguments):
        """One control call, its arguments in the query of a GET and else in a JSON body."""
        query = ""
        body = None
        if method == "GET":
            arguments = {name: value for name, value in arguments.items() if value is not None}
            query = "?" + urlencode(arguments) if arguments else ""
        else:
            body = json.dumps(arguments)
        status, text = self.exchange(method, f"/_simulator/{path}{query}", body)
        answer = json.loads(text)
        if status != 200:
            raise SimulatorError(status, answer.get("error") or answer.get("simulator_error"))
        return answer

    def exchange(self, method, target, body):
        """Each thread keeps one connection; one that the other side has closed is replaced."""
        for fresh in (False, True):
            connection = getattr(self.connections, "connection", None)
            if fresh or connection is None:
                parts = urlsplit(self.url)
                connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                                        timeout=CALL_TIMEOUT_S)
                self.connections.connection = connection
            try:
                connection.request(method, target, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                return response.status, response.read()
            except (ConnectionError, http.client.HTTPException):
                connection.close()
                if fresh:
                    raise
        raise AssertionError("not reached")

    # Apps and users

    def create_app(self, **fields):
        return self.call("POST", "apps", **fields)

    def app(self, client_id):
        return self.call("GET", f"apps/{quote(client_id, '')}")

    def change_app(self, client_id, **fields):
        return self.call("PATCH", f"apps/{quote(client_id, '')}", **fields)

    def delete_app(self, client_id):
        return self.call("DELETE", f"apps/{quote(client_id, '')}")

    def create_user(self, **fields):
        return self.create_users(1, **fields)[0]

    def create_users(self, count, **fields):
        return self.call("POST", "users", count=count, **fields)["users"]

    def user(self, user_id):
        return self.call("GET", f"users/{quote(user_id, '')}")

    def change_user(self, user_id, event=True, **fields):
        return self.call("PATCH", f"users/{quote(user_id, '')}", event=event, **fields)

    def change_pmi(self, user_id, pmi, event=True):
        return self.change_user(user_id, event, pmi=pmi)

    def activate_user(self, user_id, event=True):
        return self.call("POST", f"users/{quote(user_id, '')}/activate", event=event)

    def deactivate_user(self, user_id, event=True, keep_grants=False):
        return self.call("POST", f"users/{quote(user_id, '')}/deactivate", event=event,
                         keep_grants=keep_grants)

    def delete_user(self, user_id, event=True):
        return self.call("POST", f"users/{quote(user_id, '')}/delete", event=event)

    def disassociate_user(self, user_id, event=True, keep_grants=False):
        return self.call("POST", f"users/{quote(user_id, '')}/disassociate", event=event,
                         keep_grants=keep_grants)

    # Meetings

    def create_meeting(self, host_id, event=False, **fields):
        """The meeting; use `create_meetings` to see the deliveries of its event."""
        return self.create_meetings(host_id, 1, event, **fields)["meetings"][0]

    def create_meetings(self, host_id, count, event=False, **fields):
        return self.call("POST", "meetings", host_id=host_id, count=count, event=event, **fields)

    def meeting(self, meeting_id):
        return self.call("GET", f"meetings/{meeting_id}")

    def change_meeting(self, meeting_id, event=True, **fields):
        return self.call("PATCH", f"meetings/{meeting_id}", event=event, **fields)

    def delete_meeting(self, meeting_id, event=True, **arguments):
        return self.call("DELETE", f"meetings/{meeting_id}", event=event, **arguments)

    def start_meeting(self, meeting_id, event=True):
        return self.call("POST", f"meetings/{meeting_id}/start", event=event)

    def end_meeting(self, meeting_id, event=True):
        return self.call("POST", f"meetings/{meeting_id}/end", event=event)

    def participant_joined(self, meeting_id, user_id=None, event=True, **arguments):
        return self.call("POST", f"meetings/{meeting_id}/participant_joined", user_id=user_id,
                         event=event, **arguments)

    def participant_left(self, meeting_id, user_id=None, event=True, **arguments):
        return self.call("POST", f"meetings/{meeting_id}/participant_left", user_id=user_id,
                         event=event, **arguments)

    # Authorizations

    def authorize(self, client_id, user_id, **arguments):
        """As if the user pressed Allow; `code` and `redirect_url` are in the answer."""
        return self.call("POST", "authorize", client_id=client_id, user_id=user_id, **arguments)

    def expire_code(self, code):
        return self.call("POST", "codes/expire", code=code)

    def grants(self, client_id=None, user_id=None):
        return self.call("GET", "grants", client_id=client_id, user_id=user_id)["grants"]

    def grant(self, client_id, user_id):
        """The newest grant of this pair, living or ended; None when there never was one."""
        return next(iter(self.grants(client_id, user_id)), None)

    def remove_grant(self, client_id, user_id, **arguments):
        """The user removes the app; `event` forces or suppresses app_deauthorized."""
        return self.call("POST", "grants/remove", client_id=client_id, user_id=user_id, **arguments)

    def expire_access_tokens(self, client_id, user_id=None):
        return self.call("POST", "grants/expire_access_tokens", client_id=client_id,
                         user_id=user_id)["expired"]

    def expire_refresh_token(self, client_id, user_id=None):
        return self.call("POST", "grants/expire_refresh_token", client_id=client_id,
                         user_id=user_id)["expired"]

    def minted_tokens(self, **filters):
        """Join tokens handed out: kind (local_recording, onbehalf, zak), token, user, meeting."""
        return self.call("GET", "minted_tokens", **filters)["minted_tokens"]

    # Faults and the log

    def add_fault(self, **fields):
        return self.call("POST", "faults", **fields)

    @contextmanager
    def fault(self, **fields):
        """A fault that is gone after the block."""
        fault = self.add_fault(**fields)
        try:
            yield fault
        finally:
            self.clear_fault(fault["id"])

    def get_fault(self, fault_id):
        return self.call("GET", f"faults/{fault_id}")

    def faults(self, client_id=None):
        return self.call("GET", "faults", client_id=client_id)["faults"]

    def release_fault(self, fault_id):
        return self.call("POST", f"faults/{fault_id}/release")

    def clear_fault(self, fault_id):
        return self.call("DELETE", f"faults/{fault_id}")

    def clear_faults(self, client_id=None):
        arguments = {"client_id": client_id} if client_id is not None else {}
        return self.call("DELETE", "faults", **arguments)["cleared"]

    def requests(self, **filters):
        """{total, max_concurrent, in_flight, by_route, requests}; see README.md for the filters."""
        return self.call("GET", "requests", **filters)

    def count_requests(self, **filters):
        return self.requests(limit=0, **filters)["total"]

    def wait_for_requests(self, count, timeout_s=WAIT_S, **filters):
        """The report once there are `count` such requests; fails when they do not come."""
        report = self.requests(wait_count=count, timeout_s=timeout_s, **filters)
        if report["total"] < count:
            raise AssertionError(f"{report['total']} of {count} requests came in {timeout_s} s "
                                 f"that match {filters}")
        return report

    def clear_requests(self, client_id=None):
        arguments = {"client_id": client_id} if client_id is not None else {}
        return self.call("DELETE", "requests", **arguments)

    # Events by hand

    def send_event(self, client_id, body=None, **options):
        """`body` is an object, or text to be sent as it is; `body_base64` takes any bytes."""
        if body is not None:
            options["body"] = body
        return self.call("POST", "events", client_id=client_id, **options)

    def redeliver(self, delivery_id, **options):
        return self.call("POST", f"deliveries/{delivery_id}/redeliver", **options)

    def validate_url(self, client_id, **options):
        return self.call("POST", f"apps/{quote(client_id, '')}/url_validation", **options)

    def deliveries(self, client_id=None, event=None, **waiting):
        return self.call("GET", "deliveries", client_id=client_id, event=event,
                         **waiting)["deliveries"]

    def wait_for_deliveries(self, count, client_id=None, event=None, timeout_s=WAIT_S):
        """The deliveries once there are `count` and none will be tried again."""
        found = self.deliveries(client_id, event, wait_count=count, wait_settled=True,
                                timeout_s=timeout_s)
        if len(found) < count or not all(each["settled"] for each in found):
            raise AssertionError(f"{sum(each['settled'] for each in found)} of {count} deliveries "
                                 f"were settled in {timeout_s} s")
        return found

    # The simulator itself

    def settings(self):
        return self.call("GET", "settings")

    def change_settings(self, **fields):
        return self.call("PATCH", "settings", **fields)

    def reset(self, client_id=None):
        arguments = {"client_id": client_id} if client_id is not None else {}
        return self.call("POST", "reset", **arguments)
