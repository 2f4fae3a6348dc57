"""From nothing to a connected Zoom user: an app, a user, the authorization and its code."""

from .waiting import wait_until

REDIRECT_URI = "https://customer.example/callback"


class ConnectedUser:
    """
    `app` and `user` are the simulator's, `registered` and `connection` our answers' JSON, `code` is
    the one that was posted, `answer` the whole answer to it.
    """

    def __init__(self, api, zoom, app, registered, user):
        self.api, self.zoom, self.app, self.registered, self.user = api, zoom, app, registered, user
        self.code = self.answer = None

    client_id = property(lambda self: self.app["client_id"])
    user_id = property(lambda self: self.user["id"])
    app_id = property(lambda self: self.registered["id"])
    connection = property(lambda self: self.answer.json)
    id = property(lambda self: self.connection["id"])

    def authorize(self, scopes=None, **fields):
        """The user presses Allow (again) and the customer posts the code; the answer, good or not."""
        arguments = {"redirect_uri": REDIRECT_URI} | ({"scopes": scopes} if scopes is not None else {})
        self.code = self.zoom.authorize(self.client_id, self.user_id, **arguments)["code"]
        body = {"zoom_oauth_app_id": self.app_id, "authorization_code": self.code,
                "redirect_uri": REDIRECT_URI} | fields
        self.answer = self.api.post("/api/v1/zoom_oauth_connections", json=body)
        self.api.secrets.add_grants(self.zoom, self.client_id)
        return self.answer

    def read(self):
        """The connection as it is now."""
        return self.api.get(f"/api/v1/zoom_oauth_connections/{self.id}").must_be(200).json

    def wait_for_sync(self):
        """Until the worker has read the profile and the meetings for the first time; what comes later, the test does."""
        wait_until(lambda: self.read()["last_successful_sync_at"], what="the first sync")

    def grant(self):
        return self.zoom.grant(self.client_id, self.user_id)


def register_app(api, zoom, **app_fields):
    """(the simulator's app, our answer's JSON); events go to the app's own address."""
    app = zoom.create_app(**app_fields)
    api.secrets.add_app(app["client_id"], app["client_secret"])
    registered = api.post("/api/v1/zoom_oauth_apps", json={
        "client_id": app["client_id"], "client_secret": app["client_secret"],
        "webhook_secret": app["webhook_secret"]}).must_be(201).json
    app = zoom.change_app(app["client_id"], webhook_url=api.url + registered["webhook_url"])
    return app, registered


def connect_user(api, zoom, like=None, user=None, app_fields=None, user_fields=None, scopes=None,
                 **fields):
    """
    A user who has authorized an app: new ones, or the app of `like` (another ConnectedUser), or the
    given user of the simulator. `fields` go into the POST of the connection.
    """
    if like:
        app, registered = like.app, like.registered
    else:
        app, registered = register_app(api, zoom, **(app_fields or {}))
    connected = ConnectedUser(api, zoom, app, registered, user or zoom.create_user(**(user_fields or {})))
    connected.authorize(scopes, **fields).must_be(201)
    return connected
