"""What Zoom keeps: apps, users, meetings, grants. Plain records; the rules are in `state`."""

import dataclasses
import random
import time
from dataclasses import dataclass, field

from . import tokens


def iso8601(epoch_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_s))


def now_iso8601():
    return iso8601(time.time())


def random_number(digits):
    return random.randrange(10 ** (digits - 1), 10 ** digits)


def change(record, fields):
    """Set fields of a record; an unknown name is a mistake in a test and must not pass silently."""
    known = {each.name for each in dataclasses.fields(record)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ValueError(f"{type(record).__name__.lower()} has no field {', '.join(unknown)}; "
                         f"known: {', '.join(sorted(known))}")
    for name, value in fields.items():
        setattr(record, name, value)


@dataclass
class App:
    """A General App on Zoom's marketplace."""
    client_id: str = field(default_factory=tokens.random_id)
    client_secret: str = field(default_factory=lambda: tokens.authorization_code()[:32])
    name: str = "Simulated app"
    webhook_secret: str = field(default_factory=tokens.random_id)
    verification_token: str = field(default_factory=tokens.random_id)
    webhook_url: str = None
    redirect_uris: list = field(default_factory=list)  # none registered: any is accepted
    scopes: list = field(default_factory=lambda: [
        "user:read:user", "user:read:zak", "user:read:token", "meeting:read:list_meetings",
        "meeting:read:local_recording_token"])
    published: bool = False
    expires_in: int = 3599
    api_url: str = None  # in token answers; None: this simulator, so that nobody strays to Zoom
    voids_older_grants: bool = True  # a new authorization of a user does, as at Zoom
    names_scopes: bool = True  # in token answers
    rate_limit_qps: int = None  # None: the headers are sent, nothing is refused
    # None in the next two: the simulator's setting of the same name holds.
    refresh_kills_access_token: bool = None
    retry_delays_s: list = None


@dataclass
class User:
    id: str = field(default_factory=tokens.random_id)
    account_id: str = field(default_factory=tokens.random_id)
    account_number: int = field(default_factory=lambda: random_number(9))
    email: str = None
    first_name: str = "Ada"
    last_name: str = "Example"
    display_name: str = None
    type: int = 2
    status: str = "active"
    pmi: int = field(default_factory=lambda: random_number(10))
    use_pmi: bool = False
    personal_meeting_url: str = None
    vanity_url: str = ""
    timezone: str = "Europe/Amsterdam"
    verified: int = 1
    role_id: str = "2"
    role_name: str = "Member"
    cluster: str = "us02"
    created_at: str = field(default_factory=now_iso8601)
    user_created_at: str = field(default_factory=now_iso8601)
    last_login_time: str = field(default_factory=now_iso8601)
    last_client_version: str = "6.6.10.1(mac)"
    pic_url: str = ""
    jid: str = None
    group_ids: list = field(default_factory=list)
    im_group_ids: list = field(default_factory=list)
    language: str = "en-US"
    phone_country: str = ""
    phone_number: str = ""
    dept: str = ""
    company: str = ""
    location: str = ""
    login_types: list = field(default_factory=lambda: [100])
    plan_united_type: str = "1"
    # Knobs of the simulator, never part of an answer of Zoom.
    local_recording_allowed: bool = True
    hosting_allowed: bool = True
    webinar_plan: bool = True

    KNOBS = ("local_recording_allowed", "hosting_allowed", "webinar_plan")

    def __post_init__(self):
        self.email = self.email or f"{self.id.lower()}@example.test"
        self.jid = self.jid or f"{self.id.lower()}@xmpp.zoom.us"
        self.display_name = self.display_name or f"{self.first_name} {self.last_name}"
        self.personal_meeting_url = self.personal_meeting_url or self.personal_link()

    def personal_link(self):
        return f"https://{self.cluster}web.zoom.us/j/{self.pmi}?pwd=pmi{self.pmi}.1"

    def public(self):
        """The object of GET /users/me."""
        return {name: value for name, value in vars(self).items() if name not in self.KNOBS}


@dataclass
class Meeting:
    host_id: str
    id: int = field(default_factory=lambda: random_number(10) + 80_000_000_000)
    uuid: str = field(default_factory=tokens.meeting_uuid)
    topic: str = "Simulated meeting"
    type: int = 2  # 1 instant, 2 scheduled, 3 recurring without fixed time, 8 recurring
    start_time: str = field(default_factory=lambda: iso8601(time.time() + 3600))
    duration: int = 30
    timezone: str = "Europe/Amsterdam"
    created_at: str = field(default_factory=now_iso8601)
    join_url: str = None
    password: str = "8yTzuF"
    agenda: str = ""
    pmi: int = None
    occurrences: list = field(default_factory=list)
    # Knobs and state of the simulator.
    is_webinar: bool = False
    status: str = "waiting"  # waiting, started, ended
    sequence: int = 0  # place in listings, which must not shift while meetings come and go

    def __post_init__(self):
        self.join_url = self.join_url or f"https://us02web.zoom.us/j/{self.id}?pwd=room{self.id}.1"

    def listed(self):
        """An item of GET /users/me/meetings; the id is a number there."""
        item = {name: getattr(self, name) for name in (
            "uuid", "id", "host_id", "topic", "type", "start_time", "duration", "timezone",
            "created_at", "join_url", "agenda")}
        if self.pmi:
            item["pmi"] = str(self.pmi)
        return item


@dataclass
class Grant:
    """What one user granted one app. Unless the app keeps older ones, one per pair is alive at most."""
    client_id: str
    user_id: str
    account_id: str
    scopes: list
    generation: int  # counts authorizations of this pair
    refreshes: int = 0
    refresh_token: str = None
    refresh_expires_at: float = 0
    access_tokens: list = field(default_factory=list)
    authorized_at: float = field(default_factory=time.time)
    living: bool = True
    ended_because: str = None


@dataclass
class AccessToken:
    token: str
    client_id: str
    user_id: str  # None: the token belongs to the app itself (client_credentials)
    scopes: list
    expires_at: float


@dataclass
class AuthorizationCode:
    code: str
    client_id: str
    user_id: str
    redirect_uri: str  # None: made through the control side, any is accepted
    scopes: list
    code_challenge: str
    code_challenge_method: str
    expires_at: float
