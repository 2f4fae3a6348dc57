import pytest

from .conftest import Tenant, http_call


def test_users_me_has_zooms_fields_and_no_knob_of_ours(tenant):
    token = tenant.connect()["access_token"]
    tenant.zoom.change_user(tenant.user_id, event=False, pmi=5551234567, status="pending",
                            vanity_url="https://us02web.zoom.us/my/ada.example")
    me = tenant.get("/users/me", token)
    assert me.status == 200
    assert (me.json["id"], me.json["pmi"], me.json["status"]) == (
        tenant.user_id, 5551234567, "pending")
    assert me.json["vanity_url"].endswith("/my/ada.example")
    assert "5551234567" in me.json["personal_meeting_url"]
    assert "local_recording_allowed" not in me.json
    assert me.headers["x-zm-trackingid"].startswith("v=2.0;clid=us02;rid=WEB_")
    assert me.headers["x-ratelimit-category"] == "Light"


def test_an_unknown_and_an_expired_token_are_told_apart(tenant):
    made = tenant.connect()
    assert tenant.get("/users/me", "eyJ.nonsense").json == {
        "code": 124, "message": "Invalid access token."}
    assert http_call(f"{tenant.zoom.api_url}/users/me").status == 401
    assert tenant.zoom.expire_access_tokens(tenant.client_id, tenant.user_id) == 1
    expired = tenant.get("/users/me", made["access_token"])
    assert (expired.status, expired.json) == (
        401, {"code": 124, "message": "Access token is expired."})
    fresh = tenant.refresh(made["refresh_token"]).json["access_token"]
    assert tenant.get("/users/me", fresh).status == 200


def test_every_page_of_700_meetings_comes_once(tenant):
    token = tenant.connect()["access_token"]
    made = tenant.zoom.create_meetings(tenant.user_id, 700)["meetings"]
    seen, sizes, page_token = [], [], ""
    while True:
        page = tenant.get(f"/users/me/meetings?page_size=300&next_page_token={page_token}", token)
        assert page.json["total_records"] == 700 and page.json["page_count"] == 3
        seen += [each["id"] for each in page.json["meetings"]]
        sizes.append(len(page.json["meetings"]))
        page_token = page.json["next_page_token"]
        if not page_token:
            break
    assert sizes == [300, 300, 100]
    assert sorted(seen) == sorted(each["id"] for each in made)
    assert all(isinstance(each, int) for each in seen)


def test_a_page_does_not_shift_when_a_meeting_goes(tenant):
    token = tenant.connect()["access_token"]
    made = [each["id"] for each in tenant.zoom.create_meetings(tenant.user_id, 4)["meetings"]]
    first = tenant.get("/users/me/meetings?page_size=2", token).json
    tenant.zoom.delete_meeting(made[0], event=False)
    second = tenant.get(
        f"/users/me/meetings?page_size=2&next_page_token={first['next_page_token']}", token).json
    assert [each["id"] for each in second["meetings"]] == made[2:]


def test_a_listing_has_own_meetings_only_and_its_types_differ(tenant):
    token = tenant.connect()["access_token"]
    zoom = tenant.zoom
    other = zoom.create_user(account_id=tenant.user["account_id"])
    zoom.create_meeting(other["id"])
    planned = zoom.create_meeting(tenant.user_id)
    past = zoom.create_meeting(tenant.user_id, start_time="2020-01-01T00:00:00Z")
    live = zoom.create_meeting(tenant.user_id)
    zoom.start_meeting(live["id"], event=False)
    zoom.create_meeting(tenant.user_id, is_webinar=True)

    def listed(kind):
        page = tenant.get(f"/users/me/meetings?type={kind}", token).json
        return {each["id"] for each in page["meetings"]}

    assert listed("") == listed("scheduled") == {planned["id"], past["id"], live["id"]}
    assert listed("live") == {live["id"]}
    assert listed("upcoming") == listed("upcoming_meetings") == {planned["id"], live["id"]}
    assert listed("previous_meetings") == {past["id"]}


@pytest.mark.parametrize("query", ["page_size=301", "page_size=0", "page_size=x", "type=odd",
                                   "next_page_token=junk"])
def test_a_listing_refuses_what_zoom_refuses(tenant, query):
    token = tenant.connect()["access_token"]
    refused = tenant.get(f"/users/me/meetings?{query}", token)
    assert (refused.status, refused.json["code"]) == (400, 300)


def test_a_local_recording_token_is_minted_for_the_host_only(tenant):
    token = tenant.connect()["access_token"]
    zoom = tenant.zoom
    meeting = zoom.create_meeting(tenant.user_id)
    path = f"/meetings/{meeting['id']}/jointoken/local_recording"
    minted = tenant.get(f"{path}?bypass_waiting_room=true", token)
    assert minted.status == 200 and minted.json["expire_in"] == 120
    record, = zoom.minted_tokens(token=minted.json["token"])
    assert (record["kind"], record["meeting_id"], record["user_id"],
            record["bypass_waiting_room"]) == (
        "local_recording", meeting["id"], tenant.user_id, True)
    colleague = zoom.create_user(account_id=tenant.user["account_id"])
    theirs = tenant.connect(colleague["id"])["access_token"]
    refused = tenant.get(path, theirs)
    assert (refused.status, refused.json) == (
        404, {"code": 3001, "message": f"Meeting does not exist: {meeting['id']}."})


def test_an_administrator_of_the_account_may_mint_for_the_host(zoom):
    tenant = Tenant(zoom, scopes=["meeting:read:local_recording_token:admin"])
    admin = zoom.create_user(account_id=tenant.user["account_id"])
    stranger = zoom.create_user()
    path = f"/meetings/{zoom.create_meeting(tenant.user_id)['id']}/jointoken/local_recording"
    assert tenant.get(path, tenant.connect(admin["id"])["access_token"]).status == 200
    assert tenant.get(path, tenant.connect(stranger["id"])["access_token"]).status == 404


def test_a_personal_meeting_id_mints_and_moves_with_the_user(tenant):
    token = tenant.connect()["access_token"]
    old, new = tenant.user["pmi"], 5550001111
    assert tenant.get(f"/meetings/{old}/jointoken/local_recording", token).status == 200
    tenant.zoom.change_pmi(tenant.user_id, new, event=False)
    assert tenant.get(f"/meetings/{old}/jointoken/local_recording", token).status == 404
    assert tenant.get(f"/meetings/{new}/jointoken/local_recording", token).status == 200


def test_join_token_errors_are_those_of_zooms_specification(tenant):
    token = tenant.connect()["access_token"]
    zoom = tenant.zoom
    meeting = zoom.create_meeting(tenant.user_id)["id"]
    webinar = zoom.create_meeting(tenant.user_id, is_webinar=True)["id"]

    def error(path):
        answer = tenant.get(path, token)
        return answer.status, answer.json["code"], answer.json["message"]

    local = "jointoken/local_recording"
    assert error(f"/meetings/abc/{local}") == (400, 300, "Invalid meeting ID.")
    assert error(f"/meetings/99999999999/{local}") == (
        404, 3001, "Meeting does not exist: 99999999999.")
    assert error(f"/meetings/{webinar}/{local}")[:2] == (400, 3000)
    assert error(f"/meetings/{meeting}/{local}?bypass_waiting_room=yes")[:2] == (400, 300)
    zoom.change_user(tenant.user_id, event=False, local_recording_allowed=False)
    assert error(f"/meetings/{meeting}/{local}")[:2] == (400, 3000)
    zoom.change_user(tenant.user_id, event=False, hosting_allowed=False)
    assert error(f"/meetings/{meeting}/{local}")[:2] == (400, 3161)


def test_a_webinar_has_a_join_token_of_its_own(zoom):
    tenant = Tenant(zoom, scopes=["webinar:read:local_recording_token"])
    token = tenant.connect()["access_token"]
    webinar = zoom.create_meeting(tenant.user_id, is_webinar=True)["id"]
    path = f"/webinars/{webinar}/jointoken/local_recording"
    assert tenant.get(path, token).json["expire_in"] == 120
    stranger = tenant.connect(zoom.create_user()["id"])["access_token"]
    refused = tenant.get(path, stranger)
    assert (refused.status, refused.json["code"]) == (400, 200)
    zoom.change_user(tenant.user_id, event=False, webinar_plan=False)
    assert tenant.get(path, token).json["code"] == 200


def test_on_behalf_and_zak_tokens_are_minted(tenant):
    token = tenant.connect()["access_token"]
    on_behalf = tenant.get("/users/me/token?type=onbehalf&meeting_id=81234567890&ttl=60", token)
    zak = tenant.get("/users/me/zak", token)
    zak_too = tenant.get("/users/me/token?type=zak", token)
    minted = [each.json["token"] for each in (on_behalf, zak, zak_too)]
    assert len(set(minted)) == 3 and all(each.startswith("eyJ") for each in minted)
    record, = tenant.zoom.minted_tokens(client_id=tenant.client_id, kind="onbehalf")
    assert (record["meeting_id"], record["ttl_s"], record["token"]) == (81234567890, 60, minted[0])
    for wrong in ("type=other", "", "type=onbehalf&ttl=99999999", "type=onbehalf&meeting_id=x"):
        assert tenant.get(f"/users/me/token?{wrong}", token).status == 400


@pytest.mark.parametrize("path, granular, classic", [
    ("/users/me", "user:read:user", "user:read"),
    ("/users/me/meetings", "meeting:read:list_meetings", "meeting:read"),
    ("/meetings/{meeting}/jointoken/local_recording", "meeting:read:local_recording_token",
     "meeting_token:read:local_recording"),
    ("/users/me/token?type=onbehalf", "user:read:token", "user:read"),
    ("/users/me/zak", "user:read:zak", "user_zak:read"),
])
def test_each_call_needs_its_granular_or_its_classic_scope(zoom, path, granular, classic):
    tenant = Tenant(zoom)
    path = path.format(meeting=zoom.create_meeting(tenant.user_id)["id"])
    for scopes, status in (([], 400), ([granular], 200), ([classic], 200), (["chat:read"], 400)):
        token = tenant.connect(scopes=scopes)["access_token"]
        answer = tenant.get(path, token)
        assert answer.status == status, scopes
        if status == 400:
            master = ",user:read:token:master" if "token?" in path else ""
            assert answer.json == {
                "code": 4711, "message": "Invalid access token, does not contain scopes:"
                                         f"[{granular},{granular}:admin{master}]"}


def test_other_users_are_unknown_and_other_paths_not_recognized(tenant):
    token = tenant.connect()["access_token"]
    assert tenant.get(f"/users/{tenant.user_id}", token).status == 200
    assert tenant.get("/users/somebody", token).json["code"] == 1001
    assert tenant.get("/rooms", token).status == 404


def test_a_deleted_user_has_no_tokens_left(tenant):
    made = tenant.connect()
    tenant.zoom.delete_user(tenant.user_id, event=False)
    assert tenant.get("/users/me", made["access_token"]).status == 401
    assert tenant.refresh(made["refresh_token"]).json["error"] == "invalid_grant"


def test_a_rate_limit_is_announced_and_enforced_when_set(zoom):
    tenant = Tenant(zoom, rate_limit_qps=1)
    token = tenant.connect()["access_token"]
    answers = [tenant.get("/users/me", token) for _ in range(3)]
    limited = [each for each in answers if each.status == 429]
    assert limited and answers[0].status == 200
    assert limited[0].json["code"] == 429
    assert limited[0].headers["x-ratelimit-remaining"] == "0"
    assert "x-ratelimit-reset" in limited[0].headers
