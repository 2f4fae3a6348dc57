"""Zoom's authorization server: /oauth/authorize, /oauth/token, /oauth/revoke."""

import base64
import hashlib
import time
from urllib.parse import urlencode

from .consent_page import consent_page, error_page
from .http_message import Response
from .tokens import base64url


class OAuthError(Exception):
    """Zoom's shape here is {"reason", "error"}; its REST errors look different."""

    def __init__(self, reason, error, status=400):
        super().__init__(reason)
        self.response = Response.of_json(status, {"reason": reason, "error": error})


def invalid_client():
    return OAuthError("Invalid client_id or client_secret", "invalid_client")


def invalid_token():
    return OAuthError("Invalid Token!", "invalid_grant")


def parameters(request):
    """Zoom takes parameters from the query as well as from the form."""
    return {**request.query, **request.form}


def client_credentials(request, fields):
    """(client id, client secret) as sent: by Basic, else in the form; (None, None) when absent."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
            return client_id, secret
        except ValueError:
            return None, None
    return fields.get("client_id"), fields.get("client_secret")


class OAuth:
    def __init__(self, state, send_deauthorized):
        self.state = state
        self.send_deauthorized = send_deauthorized  # called with a grant that has just ended

    def handle(self, request):
        handlers = {("GET", "/oauth/authorize"): self.show_consent,
                    ("POST", "/oauth/authorize"): self.decide_consent,
                    ("POST", "/oauth/token"): self.token,
                    ("POST", "/oauth/revoke"): self.revoke}
        handler = handlers.get((request.method, request.path))
        if not handler:
            known = any(path == request.path for _, path in handlers)
            return Response.of_json(405 if known else 404,
                                    {"reason": "Not found", "error": "invalid_request"})
        try:
            return handler(request)
        except OAuthError as error:
            return error.response

    # The consent page

    def show_consent(self, request):
        app, problem = self.check_authorization(request.query)
        if problem:
            return problem
        with self.state.lock:
            users = list(self.state.users.values())
        return Response.of_html(200, consent_page(app, request.query, users))

    def decide_consent(self, request):
        fields = parameters(request)
        app, problem = self.check_authorization(fields)
        if problem:
            return problem
        answer = {"state": fields["state"]} if "state" in fields else {}
        if fields.get("decision") == "deny":
            answer = {"error": "access_denied", **answer}
        else:
            user_id = fields.get("login")
            if user_id not in self.state.users:
                return error_page("Choose who is signed in: there is no such user.")
            code = self.state.add_code(
                app.client_id, user_id, fields["redirect_uri"],
                code_challenge=fields.get("code_challenge"),
                code_challenge_method=fields.get("code_challenge_method"))
            answer = {"code": code.code, **answer}
        return Response(302, headers={"Location": with_query(fields["redirect_uri"], answer)})

    def check_authorization(self, fields):
        """Problems here are shown to the person, never redirected: the address is not trusted."""
        app = self.state.apps.get(fields.get("client_id"))
        if not app:
            return None, error_page("Invalid client_id. (4,702)")
        uri = fields.get("redirect_uri", "")
        if not uri.startswith(("http://", "https://")) or (
                app.redirect_uris and uri not in app.redirect_uris):
            return None, error_page(f"Invalid redirect: {uri} (4,709)")
        if fields.get("response_type") != "code":
            return None, error_page("Invalid response_type: it has to be 'code'.")
        if fields.get("code_challenge_method", "S256") not in ("S256", "plain"):
            return None, error_page("Invalid code_challenge_method: 'S256' or 'plain'.")
        return app, None

    # Tokens

    def authenticate(self, request, fields):
        client_id, secret = client_credentials(request, fields)
        app = self.state.apps.get(client_id)
        if not app or not secret or app.client_secret != secret:
            raise invalid_client()
        return app

    def token(self, request):
        fields = parameters(request)
        with self.state.lock:
            app = self.authenticate(request, fields)
            grant_type = fields.get("grant_type")
            if grant_type == "client_credentials":
                access = self.state.issue_for_app(app)
                return token_response(request, app, access, [])
            if grant_type == "authorization_code":
                grant = self.exchange_code(app, fields)
            elif grant_type == "refresh_token":
                grant = self.refreshed_grant(app, fields)
            elif grant_type == "account_credentials":
                raise OAuthError("Account does not enabled the OAuth app type", "invalid_request")
            else:
                raise OAuthError("unsupported grant type", "unsupported_grant_type")
            access, refresh_token = self.state.issue(grant)
        return token_response(request, app, access, grant.scopes, refresh_token)

    def exchange_code(self, app, fields):
        # Zoom's bodies for a refused code are not published; 400 invalid_grant is what is known.
        # A refusal leaves the code usable, so that the right client can still come.
        code = self.state.codes.get(fields.get("code"))
        if not code or code.client_id != app.client_id:
            raise OAuthError("Invalid authorization code", "invalid_grant")
        if time.time() >= code.expires_at:
            raise OAuthError("Authorization code is expired", "invalid_grant")
        if code.redirect_uri is not None and fields.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("Redirect URI mismatch", "invalid_grant")
        if not verifier_fits(code, fields.get("code_verifier")):
            raise OAuthError("Invalid code verifier", "invalid_grant")
        if code.user_id not in self.state.users:
            raise OAuthError("The owner of the token does not exist", "invalid_grant")
        del self.state.codes[code.code]
        return self.state.add_grant(code)

    def refreshed_grant(self, app, fields):
        """The grant of the living refresh token. A former one is refused and harms nothing."""
        grant = self.state.refresh_tokens.get(fields.get("refresh_token"))
        if (not grant or grant.client_id != app.client_id
                or time.time() >= grant.refresh_expires_at):
            raise invalid_token()
        grant.refreshes += 1
        return grant

    def revoke(self, request):
        fields = parameters(request)
        if not request.headers.get("authorization", "").lower().startswith("basic "):
            raise invalid_client()
        with self.state.lock:
            app = self.authenticate(request, fields)
            access = self.state.access_tokens.get(fields.get("token"))
            if (not access or access.client_id != app.client_id
                    or time.time() >= access.expires_at):
                raise invalid_token()
            grant = self.state.living_grant(app.client_id, access.user_id)
            if grant:
                self.state.end_grant(grant, "revoked by the app")
        if grant and app.published:
            self.send_deauthorized(grant)
        return Response.of_json(200, {"status": "success"})

    def identify(self, request, fields):
        """(client id, user id) that a request concerns, before it is handled or refused."""
        client_id, _ = client_credentials(request, fields)
        user_id = None
        with self.state.lock:
            code = self.state.codes.get(fields.get("code"))
        if code:
            user_id = code.user_id
        token = fields.get("refresh_token") or fields.get("token")
        if token:
            user_id = self.state.owner_of(token)[1]
        return client_id or fields.get("client_id"), user_id


def token_response(request, app, access, scopes, refresh_token=None):
    body = {"access_token": access.token, "token_type": "bearer"}
    if refresh_token:
        body["refresh_token"] = refresh_token
    body["expires_in"] = app.expires_in
    if app.names_scopes:
        body["scope"] = " ".join(scopes)
    body["api_url"] = app.api_url or f"http://{request.headers.get('host', '')}"
    return Response.of_json(200, body)


def verifier_fits(code, verifier):
    if not code.code_challenge:
        return True
    if not verifier:
        return False
    if code.code_challenge_method == "S256":
        verifier = base64url(hashlib.sha256(verifier.encode()).digest())
    return verifier == code.code_challenge


def with_query(uri, fields):
    return uri + ("&" if "?" in uri else "?") + urlencode(fields) if fields else uri
