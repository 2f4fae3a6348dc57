import base64
import hashlib
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from .conftest import Tenant, http_call

REDIRECT_URI = "https://bots.example.com/connect/callback"
DEAD_TOKEN = {"reason": "Invalid Token!", "error": "invalid_grant"}


def authorize_url(tenant, **fields):
    fields = {"response_type": "code", "client_id": tenant.client_id, "redirect_uri": REDIRECT_URI,
              "state": "s t&a=te", **fields}
    return f"{tenant.zoom.oauth_url}/authorize?{urlencode(fields)}"


def press(tenant, decision, **fields):
    """Fill in the form of the consent page as a browser would; what the redirect carries."""
    page = http_call(authorize_url(tenant, login=tenant.user_id, **fields))
    assert page.status == 200
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.body.decode())
    form = {name: value.replace("&amp;", "&") for name, value in hidden}
    answer = http_call(f"{tenant.zoom.oauth_url}/authorize", "POST",
                       {**form, "login": tenant.user_id, "decision": decision})
    assert answer.status == 302
    base, _, query = answer.headers["location"].partition("?")
    assert base == REDIRECT_URI
    return {name: values[0] for name, values in parse_qs(query).items()}


def test_the_consent_page_names_the_app_its_scopes_and_the_user(zoom):
    tenant = Tenant(zoom, name="Recorder <b>&</b>", scopes=["user:read:user", "odd:scope"])
    page = http_call(authorize_url(tenant, login=tenant.user_id)).body.decode()
    assert "Recorder &lt;b&gt;&amp;&lt;/b&gt;" in page
    assert "odd:scope" in page
    assert page.index(tenant.user_id) == page.index('<option value="') + len('<option value="')


def test_allow_redirects_with_a_code_that_can_be_exchanged(tenant):
    query = press(tenant, "allow")
    assert query["state"] == "s t&a=te"
    answer = tenant.exchange(query["code"], redirect_uri=REDIRECT_URI)
    assert answer.status == 200
    assert tenant.zoom.grant(tenant.client_id, tenant.user_id)["living"]


def test_deny_redirects_with_access_denied(tenant):
    assert press(tenant, "deny") == {"error": "access_denied", "state": "s t&a=te"}


@pytest.mark.parametrize("wrong", [REDIRECT_URI + "/", REDIRECT_URI.upper(), "https://evil.test/"])
def test_a_redirect_uri_has_to_match_byte_for_byte(zoom, wrong):
    tenant = Tenant(zoom, redirect_uris=[REDIRECT_URI])
    assert http_call(authorize_url(tenant)).status == 200
    refused = http_call(authorize_url(tenant, redirect_uri=wrong))
    assert refused.status == 400 and "location" not in refused.headers
    code = press(tenant, "allow")["code"]
    assert tenant.exchange(code, redirect_uri=wrong).json["error"] == "invalid_grant"
    assert tenant.exchange(code, redirect_uri=REDIRECT_URI).status == 200


def test_the_page_refuses_an_unknown_app_and_another_response_type(tenant):
    assert http_call(authorize_url(tenant, client_id="nobody")).status == 400
    assert http_call(authorize_url(tenant, response_type="token")).status == 400


def test_a_code_made_with_s256_needs_its_verifier(tenant):
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    code = press(tenant, "allow", code_challenge=challenge.rstrip(b"=").decode(),
                 code_challenge_method="S256")["code"]
    for wrong in ({}, {"code_verifier": "w" * 50}):
        refused = tenant.exchange(code, redirect_uri=REDIRECT_URI, **wrong)
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert tenant.exchange(code, redirect_uri=REDIRECT_URI, code_verifier=verifier).status == 200


def test_a_code_made_with_a_plain_challenge_needs_it_back(tenant):
    code = tenant.zoom.authorize(tenant.client_id, tenant.user_id, code_challenge="plain-text")
    assert tenant.exchange(code["code"], code_verifier="other").status == 400
    assert tenant.exchange(code["code"], code_verifier="plain-text").status == 200


def test_the_token_answer_has_zooms_fields(tenant):
    answer = tenant.connect()
    assert list(answer) == ["access_token", "token_type", "refresh_token", "expires_in", "scope",
                            "api_url"]
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3599)
    assert answer["scope"].split(" ") == tenant.app["scopes"]
    assert answer["api_url"] == tenant.zoom.url
    for token in (answer["access_token"], answer["refresh_token"]):
        assert token.startswith("eyJ") and len(token) >= 700


def test_a_code_works_once(tenant):
    code = tenant.zoom.authorize(tenant.client_id, tenant.user_id)["code"]
    assert tenant.exchange(code).status == 200
    again = tenant.exchange(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


def test_an_expired_code_is_refused(tenant):
    made = tenant.zoom.authorize(tenant.client_id, tenant.user_id)
    tenant.zoom.expire_code(made["code"])
    answer = tenant.exchange(made["code"])
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    assert "expired" in answer.json["reason"]


def test_a_code_of_another_app_is_refused(zoom, tenant):
    code = zoom.authorize(Tenant(zoom).client_id, tenant.user_id)["code"]
    assert tenant.exchange(code).json["error"] == "invalid_grant"


def test_a_wrong_secret_or_client_is_invalid_client(tenant):
    expected = {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
    wrong = tenant.token_call(secret="wrong", grant_type="client_credentials")
    assert (wrong.status, wrong.json) == (400, expected)
    none = http_call(f"{tenant.zoom.oauth_url}/token", "POST", {"grant_type": "client_credentials"})
    assert (none.status, none.json) == (400, expected)


def test_client_credentials_give_a_token_of_the_app_without_a_refresh_token(tenant):
    answer = tenant.token_call(grant_type="client_credentials")
    assert answer.status == 200 and "refresh_token" not in answer.json
    me = tenant.get("/users/me", answer.json["access_token"])
    assert (me.status, me.json["code"]) == (400, 124)


def test_client_and_parameters_may_be_in_the_form_or_in_the_query(tenant):
    own = {"client_id": tenant.client_id, "client_secret": tenant.app["client_secret"]}
    in_form = http_call(f"{tenant.zoom.oauth_url}/token", "POST",
                        {"grant_type": "client_credentials", **own})
    assert in_form.status == 200
    in_query = http_call(f"{tenant.zoom.oauth_url}/token?grant_type=client_credentials", "POST",
                         headers=tenant.basic())
    assert in_query.status == 200


def test_other_grant_types_are_refused(tenant):
    assert tenant.token_call(grant_type="password").json["error"] == "unsupported_grant_type"
    assert tenant.token_call(grant_type="account_credentials").json["error"] == "invalid_request"


def test_a_refresh_rotates_and_a_former_refresh_token_is_refused_without_harm(tenant):
    first = tenant.connect()
    second = tenant.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    stale = tenant.refresh(first["refresh_token"])
    assert (stale.status, stale.json) == (400, DEAD_TOKEN)
    grant = tenant.zoom.grant(tenant.client_id, tenant.user_id)
    assert grant["refresh_token"] == second["refresh_token"]
    assert (grant["generation"], grant["refreshes"], grant["living"]) == (1, 1, True)
    assert tenant.refresh(second["refresh_token"]).status == 200


def test_a_refresh_leaves_the_older_access_token_alive_unless_told_otherwise(zoom, tenant):
    first = tenant.connect()
    tenant.refresh(first["refresh_token"])
    assert tenant.get("/users/me", first["access_token"]).status == 200
    strict = Tenant(zoom, refresh_kills_access_token=True)
    first = strict.connect()
    second = strict.refresh(first["refresh_token"]).json
    assert strict.get("/users/me", first["access_token"]).status == 401
    assert strict.get("/users/me", second["access_token"]).status == 200


def test_a_new_authorization_ends_the_older_grant(tenant):
    first = tenant.connect()
    second = tenant.connect()
    assert tenant.refresh(first["refresh_token"]).json == DEAD_TOKEN
    assert tenant.get("/users/me", first["access_token"]).status == 401
    assert tenant.get("/users/me", second["access_token"]).status == 200
    assert tenant.zoom.grant(tenant.client_id, tenant.user_id)["generation"] == 2


def test_scopes_can_be_left_out_of_token_answers_and_hold_all_the_same(zoom):
    tenant = Tenant(zoom, names_scopes=False, scopes=["user:read:user"])
    made = tenant.connect()
    assert "scope" not in made and "scope" not in tenant.refresh(made["refresh_token"]).json
    assert tenant.get("/users/me", made["access_token"]).status == 200
    assert tenant.get("/users/me/meetings", made["access_token"]).status == 400


def test_an_app_may_keep_older_grants(zoom):
    tenant = Tenant(zoom, voids_older_grants=False)
    older, newer = tenant.connect(), tenant.connect()
    for made in older, newer:
        assert tenant.get("/users/me", made["access_token"]).status == 200
        assert tenant.refresh(made["refresh_token"]).status == 200
        assert tenant.refresh(made["refresh_token"]).json == DEAD_TOKEN


def test_a_refresh_token_belongs_to_one_app(zoom, tenant):
    token = tenant.connect()["refresh_token"]
    assert Tenant(zoom).refresh(token).json == DEAD_TOKEN
    assert tenant.refresh(token).status == 200


def test_an_expired_refresh_token_is_refused(tenant):
    token = tenant.connect()["refresh_token"]
    assert tenant.zoom.expire_refresh_token(tenant.client_id, tenant.user_id) == 1
    assert tenant.refresh(token).json == DEAD_TOKEN


def test_expires_in_is_the_apps(zoom):
    tenant = Tenant(zoom, expires_in=61)
    assert tenant.connect()["expires_in"] == 61
    zoom.change_app(tenant.client_id, expires_in=0)
    token = tenant.connect()["access_token"]
    assert tenant.get("/users/me", token).json["message"] == "Access token is expired."


def test_revoke_ends_the_grant_and_needs_basic_authentication(tenant):
    made = tenant.connect()
    url = f"{tenant.zoom.oauth_url}/revoke"
    own = {"client_id": tenant.client_id, "client_secret": tenant.app["client_secret"]}
    form = {"token": made["access_token"]}
    assert http_call(url, "POST", form | own).json["error"] == "invalid_client"
    done = http_call(url, "POST", form, tenant.basic())
    assert (done.status, done.json) == (200, {"status": "success"})
    assert tenant.get("/users/me", made["access_token"]).status == 401
    assert tenant.refresh(made["refresh_token"]).json == DEAD_TOKEN
    assert http_call(url, "POST", form, tenant.basic()).json == DEAD_TOKEN


def test_a_user_who_removes_the_app_ends_the_grant(tenant):
    made = tenant.connect()
    assert tenant.zoom.remove_grant(tenant.client_id, tenant.user_id) == {"deliveries": []}
    assert tenant.refresh(made["refresh_token"]).json == DEAD_TOKEN
    ended = tenant.zoom.grant(tenant.client_id, tenant.user_id)
    assert (ended["living"], ended["refresh_token"]) == (False, None)


def test_the_control_side_makes_the_whole_redirect(zoom):
    tenant = Tenant(zoom, redirect_uris=[REDIRECT_URI])
    made = zoom.authorize(tenant.client_id, tenant.user_id, state="x y")
    query = parse_qs(urlsplit(made["redirect_url"]).query)
    assert query == {"code": [made["code"]], "state": ["x y"]}
    assert tenant.exchange(made["code"]).status == 400
    assert tenant.exchange(made["code"], redirect_uri=REDIRECT_URI).status == 200
