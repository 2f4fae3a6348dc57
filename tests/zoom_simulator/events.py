"""Which apps hear of an event, and telling them."""

from . import event_bodies
from .webhook_delivery import encoded


class Events:
    def __init__(self, state, sender):
        self.state, self.sender = state, sender

    def recipients(self, user_id, options):
        """An app hears of the users that authorized it, and of others only where a test says so."""
        with self.state.lock:
            if "client_ids" in options:
                return [self.state.find("apps", client_id) for client_id in options["client_ids"]]
            granted = [grant.client_id for grant in self.state.grants.values()
                       if grant.living and grant.user_id == user_id]
            return [app for client_id in granted
                    if (app := self.state.apps[client_id]).webhook_url]

    def send(self, recipients, body, options):
        options = {name: value for name, value in options.items()
                   if name not in ("client_ids", "event_ts")}
        return [self.sender.send(app, body["event"], encoded(body), options).as_json()
                for app in recipients]

    def deauthorized(self, grant, options):
        app = self.state.find("apps", grant.client_id)
        body = event_bodies.app_deauthorized(grant.client_id, grant.user_id, grant.account_id,
                                             event_ts(options))
        return self.send([app] if app.webhook_url else [], body, options)


def event_ts(options):
    return options.get("event_ts") or event_bodies.milliseconds()


def event_options(arguments, by_default):
    """The options of the events that a call causes, or None when it is to cause none."""
    asked = arguments.pop("event", by_default)
    if asked is True:
        return {}
    return asked if isinstance(asked, dict) else None
