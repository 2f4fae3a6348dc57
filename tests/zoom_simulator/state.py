"""Everything the simulated Zoom knows, and its rules. One lock, held for microseconds at a time:
callers never sleep, send or wait while they hold it."""

import threading
import time
from collections import deque

from . import tokens
from .records import AccessToken, App, AuthorizationCode, Grant, Meeting, User, change

CODE_LIFETIME_S = 300
REFRESH_LIFETIME_S = 90 * 86400
EXPIRED_KEPT_S = 600  # for so long an expired token is "expired", afterwards "invalid"
MINTED_KEPT = 200_000


class NoSuchThing(LookupError):
    pass


class State:
    def __init__(self):
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        with self.lock:
            self.settings = {"refresh_kills_access_token": False,
                             "retry_delays_s": [300, 1200, 3600],
                             "event_timeout_s": 3}
            self.apps, self.users, self.meetings, self.grants = {}, {}, {}, {}
            self.codes, self.access_tokens, self.refresh_tokens = {}, {}, {}
            self.meetings_of, self.user_of_pmi = {}, {}
            self.app_tokens = {}
            self.sessions, self.session_count = {}, 0
            self.minted = deque(maxlen=MINTED_KEPT)
            self.calls_in_second = {}
            self.sequence = 0

    # Apps, users, meetings

    def find(self, kind, key):
        with self.lock:
            try:
                return getattr(self, kind)[key]
            except KeyError:
                raise NoSuchThing(f"no {kind[:-1]} '{key}'") from None

    def add_app(self, fields):
        app = App()
        change(app, fields)
        with self.lock:
            self.apps[app.client_id] = app
        return app

    def change_app(self, client_id, fields):
        with self.lock:
            app = self.find("apps", client_id)
            change(app, fields)
            return app

    def remove_app(self, client_id):
        """The app and all that hangs on it; other apps notice nothing."""
        with self.lock:
            self.find("apps", client_id)
            for grant in [each for each in self.grants.values() if each.client_id == client_id]:
                self.end_grant(grant, "the app was removed")
                del self.grants[grant.client_id, grant.user_id]
            for each in self.app_tokens.pop(client_id, ()):
                self.access_tokens.pop(each.token, None)
            self.codes = {key: each for key, each in self.codes.items()
                          if each.client_id != client_id}
            del self.apps[client_id]

    def add_user(self, fields):
        with self.lock:
            user = self.make(User, fields)
            while "pmi" not in fields and user.pmi in self.user_of_pmi:
                user = self.make(User, fields)
            self.users[user.id] = user
            self.user_of_pmi[int(user.pmi)] = user.id
            return user

    @staticmethod
    def make(record_class, fields):
        try:
            return record_class(**fields)
        except TypeError as problem:
            raise ValueError(str(problem).replace("__init__()", "the call")) from None

    def change_user(self, user_id, fields):
        """Returns what the changed fields were before."""
        with self.lock:
            user = self.find("users", user_id)
            if "id" in fields:
                raise ValueError("the id of a user cannot change")
            old = {name: getattr(user, name, None) for name in fields}
            change(user, fields)
            if "pmi" in fields:
                self.user_of_pmi.pop(int(old["pmi"]), None)
                self.user_of_pmi[int(user.pmi)] = user_id
                if "personal_meeting_url" not in fields:
                    user.personal_meeting_url = user.personal_link()
            return old

    def remove_user(self, user_id):
        with self.lock:
            user = self.find("users", user_id)
            for meeting_id in list(self.meetings_of.get(user_id, ())):
                self.remove_meeting(meeting_id)
            self.user_of_pmi.pop(int(user.pmi), None)
            del self.users[user_id]

    def add_meeting(self, fields):
        with self.lock:
            self.find("users", fields.get("host_id"))
            meeting = self.make(Meeting, fields)
            while "id" not in fields and meeting.id in self.meetings:
                meeting = self.make(Meeting, fields)
            if meeting.id in self.meetings:
                raise ValueError(f"there is a meeting {meeting.id} already")
            self.sequence += 1
            meeting.sequence = self.sequence
            self.meetings[meeting.id] = meeting
            self.meetings_of.setdefault(meeting.host_id, {})[meeting.id] = meeting
            return meeting

    def change_meeting(self, meeting_id, fields):
        """Returns what the changed fields were before."""
        with self.lock:
            meeting = self.find("meetings", meeting_id)
            if "id" in fields:
                raise ValueError("the id of a meeting cannot change")
            old = {name: getattr(meeting, name, None) for name in fields}
            change(meeting, fields)
            if "host_id" in fields:
                self.find("users", meeting.host_id)
                del self.meetings_of[old["host_id"]][meeting.id]
                self.meetings_of.setdefault(meeting.host_id, {})[meeting.id] = meeting
            return old

    def remove_meeting(self, meeting_id):
        with self.lock:
            meeting = self.find("meetings", meeting_id)
            del self.meetings[meeting_id]
            del self.meetings_of[meeting.host_id][meeting_id]
            return meeting

    def make_personal_room(self, user_id):
        """The meeting that runs in a user's personal room. It is nowhere listed, as at Zoom, and
        goes with the personal meeting id, so it is not kept either."""
        user = self.find("users", user_id)
        return Meeting(user_id, int(user.pmi), type=4, topic=f"{user.display_name}'s Personal "
                       "Meeting Room", join_url=user.personal_meeting_url)

    def host_of(self, meeting_id):
        """Whose meeting this is; a personal meeting id exists without having been scheduled."""
        with self.lock:
            meeting = self.meetings.get(meeting_id)
            return meeting.host_id if meeting else self.user_of_pmi.get(meeting_id)

    # Authorization

    def add_code(self, client_id, user_id, redirect_uri=None, scopes=None, code_challenge=None,
                 code_challenge_method=None):
        with self.lock:
            app = self.find("apps", client_id)
            self.find("users", user_id)
            now = time.time()
            self.codes = {key: each for key, each in self.codes.items()
                          if each.expires_at > now - EXPIRED_KEPT_S}
            code = AuthorizationCode(
                tokens.authorization_code(), client_id, user_id, redirect_uri,
                list(app.scopes if scopes is None else scopes), code_challenge,
                code_challenge_method or ("plain" if code_challenge else None),
                now + CODE_LIFETIME_S)
            self.codes[code.code] = code
            return code

    def add_grant(self, code):
        """A new authorization of the same pair ends the older one (Zoom's error 4741)."""
        with self.lock:
            older = self.grants.get((code.client_id, code.user_id))
            if older and self.apps[code.client_id].voids_older_grants:
                self.end_grant(older, "a newer authorization")
            grant = Grant(code.client_id, code.user_id, self.users[code.user_id].account_id,
                          code.scopes, older.generation + 1 if older else 1)
            self.grants[code.client_id, code.user_id] = grant
            return grant

    def end_grant(self, grant, reason):
        with self.lock:
            if not grant.living:
                return
            grant.living, grant.ended_because = False, reason
            self.refresh_tokens.pop(grant.refresh_token, None)
            for each in grant.access_tokens:
                self.access_tokens.pop(each.token, None)
            grant.refresh_token, grant.access_tokens = None, []

    def end_grants_of(self, user_id, reason):
        with self.lock:
            for grant in self.grants.values():
                if grant.user_id == user_id:
                    self.end_grant(grant, reason)

    def living_grant(self, client_id, user_id):
        with self.lock:
            grant = self.grants.get((client_id, user_id))
            return grant if grant and grant.living else None

    def issue(self, grant):
        """A new pair of tokens for a grant; the refresh token before it is dead at once."""
        app, now = self.apps[grant.client_id], time.time()
        about = {"iss": f"zm:cid:{grant.client_id}", "uid": grant.user_id, "aid": grant.account_id,
                 "gno": grant.generation}
        refresh_token = tokens.jwt("refresh", now + REFRESH_LIFETIME_S, **about)
        access = AccessToken(tokens.jwt("access", now + app.expires_in, **about), grant.client_id,
                             grant.user_id, grant.scopes, now + app.expires_in)
        with self.lock:
            self.refresh_tokens.pop(grant.refresh_token, None)
            self.refresh_tokens[refresh_token] = grant
            grant.refresh_token = refresh_token
            grant.refresh_expires_at = now + REFRESH_LIFETIME_S
            kills = app.refresh_kills_access_token
            if kills is None:
                kills = self.settings["refresh_kills_access_token"]
            self.forget_expired(grant.access_tokens, now, kills)
            grant.access_tokens.append(access)
            self.access_tokens[access.token] = access
        return access, refresh_token

    def issue_for_app(self, app):
        now = time.time()
        token = tokens.jwt("access", now + app.expires_in, iss=f"zm:cid:{app.client_id}")
        access = AccessToken(token, app.client_id, None, [], now + app.expires_in)
        with self.lock:
            own = self.app_tokens.setdefault(app.client_id, [])
            self.forget_expired(own, now)
            own.append(access)
            self.access_tokens[token] = access
        return access

    def forget_expired(self, own, now, every_one=False):
        """Drop the dead of a list of access tokens, in place (soak tests refresh for hours)."""
        kept = []
        for each in own:
            if every_one or each.expires_at < now - EXPIRED_KEPT_S:
                self.access_tokens.pop(each.token, None)
            else:
                kept.append(each)
        own[:] = kept

    def owner_of(self, token):
        """(client id, user id) of any token of ours, a dead one too; for logs and fault filters."""
        claims = tokens.claims_of(token)
        return claims.get("iss", "").removeprefix("zm:cid:") or None, claims.get("uid")

    # Join tokens and limits

    def mint(self, kind, token, access, **about):
        with self.lock:
            self.minted.append({"kind": kind, "token": token, "client_id": access.client_id,
                                "user_id": access.user_id, "at": time.time(), **about})

    def count_call(self, client_id, account_id, category):
        """How many such calls this app made for this account in this second, with this one."""
        second, key = int(time.time()), (client_id, account_id, category)
        with self.lock:
            last_second, count = self.calls_in_second.get(key, (second, 0))
            count = count + 1 if last_second == second else 1
            self.calls_in_second[key] = (second, count)
            return count
