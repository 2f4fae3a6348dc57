"""The control side, /_simulator/...: what tests use to build a world, spoil it and look into it."""

import base64
import dataclasses
import json
import re

from . import tokens
from .control_world import WorldControl
from .event_bodies import url_validation
from .events import event_options, event_ts
from .http_message import Response
from .oauth import with_query
from .state import NoSuchThing
from .webhook_delivery import encoded, validation_answer

WAIT_S_DEFAULT = 10


class Control(WorldControl):
    ROUTES = [
        ("GET", "health", "health"),
        ("POST", "reset", "reset"),
        ("GET", "settings", "get_settings"),
        ("PATCH", "settings", "change_settings"),
        ("POST", "apps", "create_app"),
        ("GET", "apps/{id}", "get_app"),
        ("PATCH", "apps/{id}", "change_app"),
        ("DELETE", "apps/{id}", "delete_app"),
        ("POST", "apps/{id}/url_validation", "validate_url"),
        ("POST", "users", "create_users"),
        ("GET", "users/{id}", "get_user"),
        ("PATCH", "users/{id}", "change_user"),
        ("POST", "users/{id}/{action}", "act_on_user"),
        ("POST", "meetings", "create_meetings"),
        ("GET", "meetings/{id}", "get_meeting"),
        ("PATCH", "meetings/{id}", "change_meeting"),
        ("DELETE", "meetings/{id}", "delete_meeting"),
        ("POST", "meetings/{id}/{action}", "act_on_meeting"),
        ("POST", "authorize", "authorize"),
        ("POST", "codes/expire", "expire_code"),
        ("GET", "grants", "list_grants"),
        ("POST", "grants/remove", "remove_grant"),
        ("POST", "grants/expire_access_tokens", "expire_access_tokens"),
        ("POST", "grants/expire_refresh_token", "expire_refresh_token"),
        ("GET", "minted_tokens", "list_minted_tokens"),
        ("POST", "faults", "add_fault"),
        ("GET", "faults", "list_faults"),
        ("DELETE", "faults", "clear_faults"),
        ("GET", "faults/{id}", "get_fault"),
        ("DELETE", "faults/{id}", "clear_fault"),
        ("POST", "faults/{id}/release", "release_fault"),
        ("GET", "requests", "list_requests"),
        ("DELETE", "requests", "clear_requests"),
        ("POST", "events", "send_event"),
        ("GET", "deliveries", "list_deliveries"),
        ("POST", "deliveries/{id}/redeliver", "redeliver"),
    ]

    def __init__(self, simulator):
        self.simulator = simulator
        self.state, self.events = simulator.state, simulator.events
        self.routes = [(method, re.compile("/_simulator/" + re.sub(r"{\w+}", "([^/]+)", path)),
                        getattr(self, name)) for method, path, name in self.ROUTES]

    def handle(self, request):
        try:
            arguments = json.loads(request.body) if request.body else {}
            if not isinstance(arguments, dict):
                raise ValueError("the body has to be a JSON object")
            arguments = {**request.query, **arguments}
            for method, pattern, handler in self.routes:
                match = pattern.fullmatch(request.path)
                if match and method == request.method:
                    return Response.of_json(200, handler(arguments, *match.groups()))
            raise NoSuchThing(f"the control side has no {request.method} {request.path}")
        except NoSuchThing as problem:
            return Response.of_json(404, {"error": str(problem)})
        except (ValueError, TypeError, KeyError) as problem:
            return Response.of_json(400, {"error": f"{type(problem).__name__}: {problem}"})

    def health(self, arguments):
        return {"ok": True}

    def reset(self, arguments):
        """All, or what belongs to one client_id; users and meetings belong to no app and stay."""
        client_id = arguments.get("client_id")
        if client_id is None:
            self.state.reset()
        else:
            self.state.remove_app(client_id)
        self.simulator.faults.clear(client_id)
        self.simulator.sender.clear(client_id)
        self.simulator.log.clear(client_id)
        return {}

    def get_settings(self, arguments):
        return dict(self.state.settings)

    def change_settings(self, arguments):
        with self.state.lock:
            unknown = set(arguments) - set(self.state.settings)
            if unknown:
                raise ValueError(f"unknown setting {', '.join(sorted(unknown))}")
            self.state.settings = self.state.settings | arguments
            return dict(self.state.settings)

    # Authorizations

    def authorize(self, arguments):
        state = arguments.pop("state", None)
        with self.state.lock:
            app = self.state.find("apps", arguments.get("client_id"))
            if "redirect_uri" not in arguments and app.redirect_uris:
                arguments["redirect_uri"] = app.redirect_uris[0]
            code = self.state.add_code(**arguments)
        answer = dataclasses.asdict(code) | {"state": state}
        if code.redirect_uri:
            fields = {"code": code.code} | ({"state": state} if state is not None else {})
            answer["redirect_url"] = with_query(code.redirect_uri, fields)
        return answer

    def expire_code(self, arguments):
        with self.state.lock:
            self.state.find("codes", arguments["code"]).expires_at = 0
        return {}

    def grants_of(self, arguments):
        client_id, user_id = arguments.get("client_id"), arguments.get("user_id")
        return [grant for grant in self.state.grants.values()
                if client_id in (None, grant.client_id) and user_id in (None, grant.user_id)]

    def list_grants(self, arguments):
        with self.state.lock:
            return {"grants": [dataclasses.asdict(grant) for grant in self.grants_of(arguments)]}

    def remove_grant(self, arguments):
        """The user removes the app; Zoom tells published apps (others when `event` is given)."""
        with self.state.lock:
            app = self.state.find("apps", arguments["client_id"])
            grant = self.state.living_grant(app.client_id, arguments["user_id"])
            if not grant:
                raise NoSuchThing(f"user '{arguments['user_id']}' has not authorized this app")
            self.state.end_grant(grant, "the user removed the app")
            self.state.codes = {key: each for key, each in self.state.codes.items()
                                if (each.client_id, each.user_id)
                                != (grant.client_id, grant.user_id)}
        options = event_options(arguments, app.published)
        return {"deliveries": [] if options is None else self.events.deauthorized(grant, options)}

    def expire_access_tokens(self, arguments):
        with self.state.lock:
            living = [each for grant in self.grants_of(arguments) for each in grant.access_tokens]
            for each in living:
                each.expires_at = min(each.expires_at, event_ts({}) / 1000)
        return {"expired": len(living)}

    def expire_refresh_token(self, arguments):
        with self.state.lock:
            grants = [grant for grant in self.grants_of(arguments) if grant.living]
            for grant in grants:
                grant.refresh_expires_at = 0
        return {"expired": len(grants)}

    def list_minted_tokens(self, arguments):
        with self.state.lock:
            return {"minted_tokens": [each for each in self.state.minted if all(
                str(each.get(name)) == str(value) for name, value in arguments.items())]}

    # Faults and the log

    def add_fault(self, arguments):
        return self.simulator.faults.add(arguments).as_json()

    def list_faults(self, arguments):
        return {"faults": self.simulator.faults.listed(arguments.get("client_id"))}

    def clear_faults(self, arguments):
        return {"cleared": self.simulator.faults.clear(arguments.get("client_id"))}

    def get_fault(self, arguments, fault_id):
        return self.find_fault(fault_id).as_json()

    def clear_fault(self, arguments, fault_id):
        return {"cleared": self.simulator.faults.clear(fault_id=self.find_fault(fault_id).id)}

    def release_fault(self, arguments, fault_id):
        self.find_fault(fault_id).released.set()
        return {}

    def find_fault(self, fault_id):
        fault = self.simulator.faults.find(fault_id)
        if not fault:
            raise NoSuchThing(f"no fault '{fault_id}'")
        return fault

    def list_requests(self, arguments):
        limit = int(arguments.pop("limit", 100))
        wait_count = int(arguments.pop("wait_count", 0))
        timeout_s = float(arguments.pop("timeout_s", WAIT_S_DEFAULT))
        unknown = set(arguments) - set(self.simulator.log.FILTERS)
        if unknown:
            raise ValueError(f"unknown filter {', '.join(sorted(unknown))}")
        return self.simulator.log.report(arguments, limit, wait_count, timeout_s)

    def clear_requests(self, arguments):
        self.simulator.log.clear(arguments.get("client_id"))
        return {}

    # Events by hand

    def send_event(self, arguments):
        app = self.state.find("apps", arguments.pop("client_id"))
        if "body_base64" in arguments:
            body = base64.b64decode(arguments.pop("body_base64"))
            event = None
        else:
            value = arguments.pop("body")
            body, event = encoded(value), value.get("event") if isinstance(value, dict) else None
        return self.simulator.sender.send(app, event, body, arguments).as_json()

    def redeliver(self, arguments, delivery_id):
        """The same bytes and request id once more, as a retry of Zoom that was not needed."""
        former = self.simulator.sender.find(delivery_id)
        if not former:
            raise NoSuchThing(f"no delivery '{delivery_id}'")
        app = self.state.find("apps", former.client_id)
        options = {"request_id": former.request_id, "url": former.url} | arguments
        return self.simulator.sender.send(app, former.event, former.body, options).as_json()

    def validate_url(self, arguments, client_id):
        app = self.state.find("apps", client_id)
        plain_token = arguments.pop("plain_token", None) or tokens.random_id()
        body = encoded(url_validation(plain_token, event_ts({})))
        delivery = self.simulator.sender.send(
            app, "endpoint.url_validation", body,
            {"retry_delays_s": []} | arguments | {"wait": True}).as_json()
        expected = validation_answer(arguments.get("secret", app.webhook_secret), plain_token)
        problem = problem_of_validation(delivery["attempts"][0], expected)
        return {"valid": problem is None, "problem": problem, "plain_token": plain_token,
                "delivery": delivery}

    def list_deliveries(self, arguments):
        return {"deliveries": self.simulator.sender.listed(
            arguments.get("client_id"), arguments.get("event"),
            int(arguments.get("wait_count", 0)),
            str(arguments.get("wait_settled", "")).lower() in ("1", "true"),
            float(arguments.get("timeout_s", WAIT_S_DEFAULT)))}


def problem_of_validation(attempt, expected):
    """What Zoom would complain about in an answer to endpoint.url_validation; None if nothing."""
    if attempt["error"]:
        return attempt["error"]
    if attempt["status"] != 200:
        return f"status {attempt['status']} instead of 200"
    try:
        answer = json.loads(attempt["body"])
    except ValueError:
        return "the answer is not JSON"
    for name, value in expected.items():
        if not isinstance(answer, dict) or answer.get(name) != value:
            return f"{name} is wrong"
    return None
