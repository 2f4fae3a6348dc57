"""The part of Zoom's REST API that hands out join tokens and lists meetings (/v2/...)."""

import base64
import re
import time

from . import tokens
from .http_message import Response
from .records import iso8601

PAGE_SIZE_MAX = 300
PAGE_SIZE_DEFAULT = 30
JOIN_TOKEN_LIFETIME_S = 120
ON_BEHALF_TTL_S, ON_BEHALF_TTL_MAX_S = 7200, 365 * 86400
ZAK_TTL_S, ZAK_TTL_MAX_S = 7200, 90 * 86400
# Calls per second that the headers announce, by Zoom's category of the call.
LIMITS = {"Light": 30, "Medium": 20, "Heavy": 10}


def with_levels(scope):
    return [scope, f"{scope}:admin"]


# Per call: the granular scopes that Zoom's message names, then the classic ones that serve as well.
SCOPES = {
    "user": (with_levels("user:read:user"), with_levels("user:read")),
    "meetings": (with_levels("meeting:read:list_meetings"), with_levels("meeting:read")),
    "meeting_join_token": (
        with_levels("meeting:read:local_recording_token"),
        ["meeting_token:read:local_recording", "meeting_token:read:admin:local_recording"]),
    "webinar_join_token": (
        with_levels("webinar:read:local_recording_token"),
        ["webinar_token:read:local_recording", "webinar_token:read:admin:local_recording",
         "meeting_token:read:local_recording", "meeting_token:read:admin:local_recording"]),
    "token": (with_levels("user:read:token") + ["user:read:token:master"],
              with_levels("user:read")),
    "zak": (with_levels("user:read:zak"), ["user_zak:read", "user_zak:read:admin"]),
}


class ApiError(Exception):
    def __init__(self, status, code, message, errors=None):
        super().__init__(message)
        body = {"code": code, "message": message}
        if errors:
            body["errors"] = errors
        self.response = Response.of_json(status, body)


def invalid_field(name, message):
    return ApiError(400, 300, "Validation Failed.", [{"field": name, "message": message}])


def bearer(request):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def integer(query, name, default, low, high):
    text = query.get(name)
    if text is None or text == "":
        return default
    if not re.fullmatch(r"\d{1,18}", text) or not low <= int(text) <= high:
        raise invalid_field(name, f"The value must be a number from {low} to {high}.")
    return int(text)


class RestApi:
    def __init__(self, state):
        self.state = state
        join_token = r"/jointoken/local_recording"
        self.routes = [(re.compile(pattern), category, scopes, handler) for
                       pattern, category, scopes, handler in (
            (r"/v2/users/([^/]+)", "Light", "user", self.user),
            (r"/v2/users/([^/]+)/meetings", "Medium", "meetings", self.meetings),
            (r"/v2/users/([^/]+)/token", "Light", "token", self.user_token),
            (r"/v2/users/([^/]+)/zak", "Light", "zak", self.zak),
            (r"/v2/meetings/([^/]+)" + join_token, "Medium", "meeting_join_token",
             self.meeting_join_token),
            (r"/v2/webinars/([^/]+)" + join_token, "Medium", "webinar_join_token",
             self.webinar_join_token))]

    def handle(self, request):
        for pattern, category, scopes, handler in self.routes:
            match = pattern.fullmatch(request.path)
            if match and request.method == "GET":
                return self.call(request, category, scopes, handler, match[1])
        return ApiError(404, 2300, "This API endpoint is not recognized.").response

    def call(self, request, category, scopes, handler, argument):
        headers = {}
        try:
            with self.state.lock:
                access, user = self.authenticate(request)
                headers = self.count(access, user, category)
                if access.user_id is None:
                    raise ApiError(400, 124, "This API only supports OAuth2 authorization.")
                check_scopes(access, scopes)
                answer = handler(access, user, argument, request.query)
            response = Response.of_json(200, answer)
        except ApiError as error:
            response = error.response
        response.headers.update(headers)
        return response

    def authenticate(self, request):
        access = self.state.access_tokens.get(bearer(request))
        if not access:
            raise ApiError(401, 124, "Invalid access token.")
        if time.time() >= access.expires_at:
            raise ApiError(401, 124, "Access token is expired.")
        if access.user_id is not None and access.user_id not in self.state.users:
            raise ApiError(404, 1001, f"User does not exist: {access.user_id}.")
        return access, self.state.users.get(access.user_id)

    def count(self, access, user, category):
        app = self.state.apps[access.client_id]
        limit = app.rate_limit_qps or LIMITS[category]
        count = self.state.count_call(access.client_id, user and user.account_id, category)
        headers = {"X-RateLimit-Category": category, "X-RateLimit-Type": "QPS",
                   "X-RateLimit-Limit": limit, "X-RateLimit-Remaining": max(0, limit - count)}
        if app.rate_limit_qps and count > limit:
            error = ApiError(429, 429, "You have reached the maximum per-second rate limit for "
                                       "this API. Try again later.")
            error.response.headers.update(headers)
            error.response.headers["X-RateLimit-Reset"] = int(time.time()) + 1
            raise error
        return headers

    # Users

    def check_self(self, user, asked):
        """An app of the user level sees its own user only."""
        if asked not in ("me", user.id, user.email):
            raise ApiError(404, 1001, f"User does not exist: {asked}.")

    def user(self, access, user, asked, query):
        self.check_self(user, asked)
        return user.public()

    def meetings(self, access, user, asked, query):
        self.check_self(user, asked)
        page_size = integer(query, "page_size", PAGE_SIZE_DEFAULT, 1, PAGE_SIZE_MAX)
        page_number = integer(query, "page_number", 1, 1, 10 ** 6)
        kind = query.get("type") or "scheduled"
        if kind not in LISTED:
            raise invalid_field("type", f"One of {', '.join(LISTED)}.")
        now = iso8601(time.time())
        listed = [each for each in self.state.meetings_of.get(user.id, {}).values()
                  if not each.is_webinar and LISTED[kind](each, now)]
        listed.sort(key=lambda each: each.sequence)
        total = len(listed)
        if query.get("next_page_token"):
            after = read_page_token(query["next_page_token"], user.id, kind)
            listed = [each for each in listed if each.sequence > after]
        else:
            listed = listed[(page_number - 1) * page_size:]
        more = len(listed) > page_size
        listed = listed[:page_size]
        return {"next_page_token": page_token(user.id, kind, listed[-1].sequence) if more else "",
                "page_count": -(-total // page_size), "page_number": page_number,
                "page_size": page_size, "total_records": total,
                "meetings": [each.listed() for each in listed]}

    def user_token(self, access, user, asked, query):
        self.check_self(user, asked)
        kind = query.get("type")
        if kind == "zak":
            return self.zak(access, user, asked, query)
        if kind != "onbehalf":
            raise invalid_field("type", "One of onbehalf, zak.")
        ttl_s = integer(query, "ttl", ON_BEHALF_TTL_S, 1, ON_BEHALF_TTL_MAX_S)
        meeting_id = integer(query, "meeting_id", None, 1, 10 ** 18)
        return self.signed_token("onbehalf", access, user, ttl_s, meeting_id)

    def zak(self, access, user, asked, query):
        self.check_self(user, asked)
        ttl_s = integer(query, "ttl", ZAK_TTL_S, 1, ZAK_TTL_MAX_S)
        return self.signed_token("zak", access, user, ttl_s)

    def signed_token(self, kind, access, user, ttl_s, meeting_id=None):
        token = tokens.jwt(kind, time.time() + ttl_s, 350, uid=user.id, aid=user.account_id,
                           iss=f"zm:cid:{access.client_id}")
        self.state.mint(kind, token, access, meeting_id=meeting_id, ttl_s=ttl_s)
        return {"token": token}

    # Join tokens for local recording

    def meeting_join_token(self, access, user, asked, query):
        bypass = query.get("bypass_waiting_room", "false").lower()
        if bypass not in ("true", "false"):
            raise invalid_field("bypass_waiting_room", "The value must be true or false.")
        return self.join_token(access, user, asked, False, bypass == "true")

    def webinar_join_token(self, access, user, asked, query):
        if not user.webinar_plan:
            raise ApiError(400, 200, "Webinar plan is missing. You must subscribe to the webinar "
                                     "plan and enable webinars for this user in order to perform "
                                     "this action.")
        return self.join_token(access, user, asked, True, None)

    def join_token(self, access, user, asked, is_webinar, bypass_waiting_room):
        if not re.fullmatch(r"\d{9,12}", asked):
            raise ApiError(400, 300, "Invalid meeting ID.")
        meeting_id = int(asked)
        host_id = self.state.host_of(meeting_id)
        if host_id is None:
            raise ApiError(404, 3001, f"Meeting does not exist: {meeting_id}.")
        if not self.may_act_for(access, user, host_id):
            if is_webinar:
                raise ApiError(400, 200, "No permission.")
            # Zoom says no more than this about meetings of other people.
            raise ApiError(404, 3001, f"Meeting does not exist: {meeting_id}.")
        meeting = self.state.meetings.get(meeting_id)
        if bool(meeting and meeting.is_webinar) != is_webinar:
            if is_webinar:
                raise ApiError(404, 3001, f"Webinar does not exist: {meeting_id}.")
            raise ApiError(400, 3000, "Cannot access Webinar information.")
        host = self.state.users[host_id]
        if not host.hosting_allowed:
            raise ApiError(400, 3161, "Meeting hosting and scheduling capabilities are not allowed "
                                      "for your user account.")
        if not host.local_recording_allowed:
            raise ApiError(400, 3000, 'Not allowed to start local recording. Enable the "Local '
                                      'Recording" setting in the Zoom web portal.')
        token = tokens.short_token()
        self.state.mint("local_recording", token, access, meeting_id=meeting_id,
                        bypass_waiting_room=bypass_waiting_room)
        return {"expire_in": JOIN_TOKEN_LIFETIME_S, "token": token}

    def may_act_for(self, access, user, host_id):
        """The host may, and so may an administrator of the host's organization."""
        if user.id == host_id:
            return True
        same_account = self.state.users[host_id].account_id == user.account_id
        return same_account and any(":admin" in scope for scope in access.scopes
                                    if "local_recording" in scope)


def check_scopes(access, call):
    granular, classic = SCOPES[call]
    if not set(access.scopes) & {*granular, *classic}:
        raise ApiError(400, 4711, "Invalid access token, does not contain scopes:"
                                  f"[{','.join(granular)}]")


def is_upcoming(meeting, now):
    return meeting.status != "ended" and (meeting.status == "started" or meeting.start_time >= now)


LISTED = {
    # Instant meetings are never scheduled; an ended one-off stays listed until it expires.
    "scheduled": lambda meeting, now: meeting.type != 1,
    "live": lambda meeting, now: meeting.status == "started",
    "upcoming": is_upcoming,
    "upcoming_meetings": is_upcoming,
    "previous_meetings": lambda meeting, now: not is_upcoming(meeting, now),
}


def page_token(user_id, kind, sequence):
    return base64.urlsafe_b64encode(f"{user_id}:{kind}:{sequence}".encode()).decode()


def read_page_token(token, user_id, kind):
    """The sequence number after which the page starts; a token of another listing is refused."""
    try:
        owner, of_kind, sequence = base64.urlsafe_b64decode(token).decode().rsplit(":", 2)
        if (owner, of_kind) == (user_id, kind):
            return int(sequence)
    except ValueError:
        pass
    raise ApiError(400, 300, "The next page token is either invalid or expired.")
