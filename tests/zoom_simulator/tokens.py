"""Codes, tokens and ids that look like Zoom's. To clients tokens are opaque; we read our own."""

import base64
import json
import os
import random
import string
import uuid

TOKEN_CHARS_MIN = 700
BASE36 = string.digits + string.ascii_lowercase


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def random_id():
    """22 characters of base64url, the shape of user, account and client ids."""
    return base64url(os.urandom(16))


def authorization_code():
    return base64url(os.urandom(32))


def meeting_uuid():
    # Plain base64 on purpose: Zoom's meeting UUIDs contain '/', '+' and '='.
    return base64.b64encode(os.urandom(16)).decode()


def short_token():
    """Never one that stands by chance among the hexadecimal ids of a log, where tests look for tokens in clear."""
    return "".join(random.choices(BASE36, k=7)) + random.choice(string.ascii_lowercase[6:])


def jwt(kind, expires_at, chars_min=TOKEN_CHARS_MIN, **claims):
    """A string shaped like a signed JWT. The signature is random: nobody but us can check it."""
    header = base64url(b'{"alg":"HS512","v":"2.0","kid":"' + uuid.uuid4().hex.encode() + b'"}')
    claims = {"ver": 10, "aud": "https://oauth.zoom.us", "tokenType": kind, "jti": uuid.uuid4().hex,
              "exp": int(expires_at), **claims}
    missing = chars_min - len(header) - 88 - len(json.dumps(claims)) * 4 // 3
    if missing > 0:
        claims["code"] = base64url(os.urandom(missing * 9 // 16 + 8))
    payload = base64url(json.dumps(claims, separators=(",", ":")).encode())
    return f"{header}.{payload}.{base64url(os.urandom(64))}"


def claims_of(token):
    """What one of our tokens says about itself, dead or alive; {} for anything else."""
    try:
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}


def tracking_id():
    return f"v=2.0;clid=us02;rid=WEB_{os.urandom(16).hex()}"
