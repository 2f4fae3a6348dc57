"""Codes that a customer posts, and what becomes of them."""

import re

from .zoom_user import REDIRECT_URI

CONNECTIONS = "/api/v1/zoom_oauth_connections"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def post_code(api, user, code, **fields):
    return api.post(CONNECTIONS, json={
        "zoom_oauth_app_id": user.app_id, "authorization_code": code, "redirect_uri": REDIRECT_URI} | fields)


def exchanges(zoom, user, **filters):
    return zoom.count_requests(client_id=user.client_id, grant_type="authorization_code", **filters)


def connections_of(project):
    return project.stack.database.rows(
        "SELECT * FROM zoom_oauth_connections WHERE project_id = ? ORDER BY id", project.row_id)


def must_have_working_credentials(user, connection_id):
    """Zoom takes what is stored, and it is the newest grant's."""
    answer = user.api.post(f"{CONNECTIONS}/{connection_id}/refresh").must_be(200).json
    assert answer["state"] == "connected"
    assert user.grant()["refreshes"] == 1
    return answer
