"""Control calls that build and change the world: apps, users, meetings, and the events of that."""

import dataclasses
import time

from . import event_bodies
from .events import event_options, event_ts
from .records import iso8601
from .state import NoSuchThing

USER_ACTIONS = {"activate": "user.activated", "deactivate": "user.deactivated",
                "delete": "user.deleted", "disassociate": "user.disassociated"}


class WorldControl:
    """Needs `state` and `events`."""

    # Apps

    def create_app(self, arguments):
        return dataclasses.asdict(self.state.add_app(arguments))

    def get_app(self, arguments, client_id):
        return dataclasses.asdict(self.state.find("apps", client_id))

    def change_app(self, arguments, client_id):
        if "client_id" in arguments:
            raise ValueError("the client_id of an app cannot change")
        return dataclasses.asdict(self.state.change_app(client_id, arguments))

    def delete_app(self, arguments, client_id):
        self.state.remove_app(client_id)
        return {}

    # Users

    def create_users(self, arguments):
        count = arguments.pop("count", 1)
        return {"users": [vars(self.state.add_user(arguments)) for _ in range(count)]}

    def get_user(self, arguments, user_id):
        return vars(self.state.find("users", user_id))

    def change_user(self, arguments, user_id):
        options = event_options(arguments, True)
        with self.state.lock:
            old = self.state.change_user(user_id, arguments)
            user = self.state.find("users", user_id)
        return {"user": vars(user), "deliveries": self.tell(
            user_id, options, lambda at: event_bodies.user_updated(user, old, at))}

    def act_on_user(self, arguments, user_id, action):
        """deactivate, delete and disassociate end the user's grants, unless `keep_grants`."""
        if action not in USER_ACTIONS:
            raise NoSuchThing(f"a user cannot {action}; known: {', '.join(USER_ACTIONS)}")
        options = event_options(arguments, True)
        with self.state.lock:
            user = self.state.find("users", user_id)
            recipients = [] if options is None else self.events.recipients(user_id, options)
            user.status = "active" if action == "activate" else "inactive"
            if action != "activate" and not arguments.get("keep_grants"):
                self.state.end_grants_of(user_id, USER_ACTIONS[action])
            if action == "delete":
                self.state.remove_user(user_id)
        body = event_bodies.user_changed_state(USER_ACTIONS[action], user, event_ts(options or {}))
        return {"user": vars(user), "deliveries": self.events.send(recipients, body, options or {})}

    # Meetings

    def create_meetings(self, arguments):
        count = arguments.pop("count", 1)
        options = event_options(arguments, False)
        operator_id = arguments.pop("operator_id", None)
        meetings = [self.state.add_meeting(arguments) for _ in range(count)]
        deliveries = []
        for meeting in meetings if options is not None else ():
            host, operator = self.host_and_operator(meeting, operator_id)
            deliveries += self.tell(host.id, options, lambda at: event_bodies.meeting_created(
                meeting, host, operator, at))
        return {"meetings": [vars(meeting) for meeting in meetings], "deliveries": deliveries}

    def get_meeting(self, arguments, meeting_id):
        return vars(self.state.find("meetings", int(meeting_id)))

    def change_meeting(self, arguments, meeting_id):
        options = event_options(arguments, True)
        operator_id = arguments.pop("operator_id", None)
        with self.state.lock:
            old = self.state.change_meeting(int(meeting_id), arguments)
            meeting = self.state.find("meetings", int(meeting_id))
            host, operator = self.host_and_operator(meeting, operator_id)
        return {"meeting": vars(meeting), "deliveries": self.tell(
            host.id, options,
            lambda at: event_bodies.meeting_updated(meeting, host, operator, old, at))}

    def delete_meeting(self, arguments, meeting_id):
        """The whole meeting, or the one `occurrence` that is given."""
        options = event_options(arguments, True)
        occurrence = arguments.get("occurrence")
        with self.state.lock:
            meeting = self.state.find("meetings", int(meeting_id))
            host, operator = self.host_and_operator(meeting, arguments.get("operator_id"))
            if occurrence:
                meeting.occurrences = [each for each in meeting.occurrences if each != occurrence]
            else:
                self.state.remove_meeting(meeting.id)
        return {"meeting": vars(meeting), "deliveries": self.tell(
            host.id, options,
            lambda at: event_bodies.meeting_deleted(meeting, host, operator, at, occurrence))}

    def act_on_meeting(self, arguments, meeting_id, action):
        options = event_options(arguments, True)
        with self.state.lock:
            meeting = self.meeting_or_personal_room(int(meeting_id))
            host = self.state.find("users", meeting.host_id)
            session = None
            if action in ("start", "end"):
                body = self.start_or_end(meeting, host, action)
            elif action in ("participant_joined", "participant_left"):
                user_id = arguments.get("user_id")
                user = self.state.find("users", user_id) if user_id else None
                session = self.session_of(action, meeting, user_id, arguments.get("session"))
                body = lambda at: event_bodies.participant_moved(  # noqa: E731
                    f"meeting.{action}", meeting, host, user, session, at, arguments.get("user_name"))
            else:
                raise NoSuchThing(f"a meeting cannot {action}; known: start, end, "
                                  "participant_joined, participant_left")
        return {"meeting": vars(meeting), "session": session,
                "deliveries": self.tell(host.id, options, body)}

    def session_of(self, action, meeting, user_id, named):
        """Each joining has one of its own; a leaving is of the one that is named, or of the newest."""
        sessions = self.state.sessions.setdefault((meeting.id, user_id), [])
        if action == "participant_left" and sessions:
            return sessions.pop(sessions.index(named) if named else -1)
        self.state.session_count += 1
        session = str(16_777_216 + 1024 * self.state.session_count)
        if action == "participant_joined":
            sessions.append(session)
        return session

    def start_or_end(self, meeting, host, action):
        if action == "start":
            meeting.status, meeting.start_time = "started", iso8601(time.time())
            return lambda at: event_bodies.meeting_started(meeting, host, at)
        meeting.status = "ended"
        if meeting.type == 1 and meeting.id in self.state.meetings:
            self.state.remove_meeting(meeting.id)  # an instant meeting is gone with its end
        return lambda at: event_bodies.meeting_ended(meeting, host, at)

    def meeting_or_personal_room(self, meeting_id):
        host_id = self.state.user_of_pmi.get(meeting_id)
        if meeting_id in self.state.meetings or host_id is None:
            return self.state.find("meetings", meeting_id)
        return self.state.make_personal_room(host_id)

    def host_and_operator(self, meeting, operator_id):
        """An assistant may schedule for the host; then the two differ."""
        host = self.state.find("users", meeting.host_id)
        return host, self.state.find("users", operator_id) if operator_id else host

    def tell(self, user_id, options, body_at):
        if options is None:
            return []
        body = body_at(event_ts(options))
        return self.events.send(self.events.recipients(user_id, options), body, options)
