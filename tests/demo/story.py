"""
The story that the demo tells. Every command that it shows is run by bash exactly as it stands there,
its answer is what is shown, and what the prose says of it is checked.
"""

import base64
import json
import os
import re
import secrets
import time
from datetime import datetime
from urllib.parse import urlsplit

from .stage import BUILD, ROOT, DemoFailed

MEETING_COUNT = 40
BOT_COUNT = 50
SYNC_LIMIT_S = 15
REDIRECT_URI = "https://you.example/zoom"
KEY = '-H "Authorization: Token $KEY"'
HALLPASS = (os.path.relpath(BUILD / "bin/hallpass", ROOT) if BUILD.is_relative_to(ROOT)
            else str(BUILD / "bin/hallpass"))


def expect(what, found, wanted):
    if found != wanted:
        raise DemoFailed(f"{what} should be {wanted!r}, but is {found!r}")


def json_values(text):
    values, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values


class Story:
    def __init__(self, screen, stage):
        self.screen, self.stage, self.zoom = screen, stage, stage.zoom
        self.started_at = time.monotonic()

    def tell(self):
        for chapter in (self.introduce, self.make_project, self.register_app, self.subscribe,
                        self.connect, self.wait_for_sync, self.hear_events, self.make_bot,
                        self.mint_tokens, self.serve_engine, self.mint_many, self.lose_user,
                        self.be_told, self.join_anyway, self.connect_again, self.sum_up):
            chapter()

    # A command and its answer

    def set(self, **variables):
        """Shell variables of the commands that follow."""
        self.stage.environment |= variables
        self.screen.command("\n".join(f"export {name}={value}"
                                      for name, value in variables.items()))

    def run(self, command, status=None):
        """What it prints; `status` is what its one curl must get."""
        self.screen.command(command)
        printed, statuses = self.stage.run(command)
        if status and statuses != [status]:
            raise DemoFailed(f"expected status {status}, but got {statuses}:\n{command}\n{printed}")
        return printed

    def call(self, command, status, fields):
        """A call of the API: its JSON, of which `fields` are shown."""
        answer = json.loads(self.run(command, status))
        self.screen.answer_status(status)
        self.screen.answer_json(answer, fields)
        return answer

    def play_zoom(self, command):
        """Something that happens on Zoom's side: the JSON values that tell of it."""
        values = json_values(self.run(command, 200))
        for value in values:
            self.screen.answer_json(value)
        return values

    # The chapters

    def introduce(self):
        self.screen.say("Hallpass hands a recording bot the right Zoom token at the moment it joins.",
                        "bold")
        self.screen.say(f"""nginx, the FastCGI responders, the worker and the SQLite database are real,
            and live in {self.stage.folder}. Zoom is played by a simulator that keeps Zoom's rules.
            All of this can be pasted into a shell in {ROOT} while the demo is up; first what the
            commands share:""")
        self.set(HALLPASS_CONFIG=str(self.stage.folder / "hallpass.conf"),
                 API=f"{self.stage.url}/api/v1", ZOOM=self.zoom.url)
        self.screen.say("""Under $ZOOM/_simulator is the simulator's stage door, where we play Zoom's
            users.""")

    def make_project(self):
        self.screen.chapter("A project and its API key")
        self.screen.say("Everything belongs to a project. The key is shown this once.")
        printed = self.run(f"{HALLPASS} project create demo")
        self.screen.answer(*printed.split("\n"))
        found = re.search(r"hp_\w+", printed)
        if not found:
            raise DemoFailed("no API key was printed")
        self.set(KEY=found[0])

    def register_app(self):
        app = self.zoom.create_app(name="Your notetaker", published=True,
                                   redirect_uris=[REDIRECT_URI])
        self.client_id = app["client_id"]
        self.screen.chapter("Your Zoom app")
        self.screen.say("""Hallpass asks Zoom whether client id and secret are right, then keeps the
            secrets sealed. Zoom is to send its events to webhook_url.""")
        self.app = self.call(f"""curl -s $API/zoom_oauth_apps {KEY} --json '{{
  "client_id": "{self.client_id}",
  "client_secret": "{app['client_secret']}",
  "webhook_secret": "{app['webhook_secret']}"}}'""", 201, ["id", "state", "webhook_url"])
        expect("the app's state", self.app["state"], "active")
        self.zoom.change_app(self.client_id, webhook_url=self.app["webhook_url"])

    def subscribe(self):
        self.screen.chapter("Your application wants to hear of it when a connection breaks")
        self.screen.say("The secret, with which everything that is sent there is signed, is shown this once.")
        webhook = self.call(f"""curl -s $API/webhooks {KEY} --json '{{
  "url": "{self.stage.receiver.url}",
  "triggers": ["zoom_oauth_connection.state_change"]}}'""", 201, ["id", "state", "secret"])
        expect("the webhook's state", webhook["state"], "active")
        self.screen.gap()
        self.screen.say("What arrives there is kept in a folder, a file for each header, and one for the body.")
        self.set(WEBHOOK_SECRET=webhook["secret"], INBOX=str(self.stage.receiver.folder))

    def consent(self):
        state = secrets.token_hex(8)
        printed = self.run(
            f"""curl -s -o /dev/null -w '%{{redirect_url}}\\n' $ZOOM/oauth/authorize \\
  -d response_type=code -d client_id={self.client_id} -d state={state} \\
  -d redirect_uri={REDIRECT_URI} -d login={self.user['id']} -d decision=allow""")
        self.screen.answer(printed)
        found = re.fullmatch(rf"{re.escape(REDIRECT_URI)}\?code=([\w-]+)&state={state}", printed)
        if not found:
            raise DemoFailed(f"Zoom should lead back with a code and our state, not to {printed!r}")
        return found[1]

    def authorize(self, fields):
        code = self.consent()
        self.screen.gap()
        self.screen.say("Your site gives the code to Hallpass, which gets the user's tokens for it.")
        connection = self.call(f"""curl -s $API/zoom_oauth_connections {KEY} --json '{{
  "authorization_code": "{code}",
  "redirect_uri": "{REDIRECT_URI}"}}'""", 201, fields)
        expect("the connection's state", connection["state"], "connected")
        return connection

    def connect(self):
        self.user = self.zoom.create_user(first_name="Ada", last_name="Lovelace",
                                          email="ada@you.example")
        self.zoom.create_meetings(self.user["id"], MEETING_COUNT)
        self.screen.chapter("A user says yes")
        self.screen.say("""Ada meets Zoom's consent page and presses Allow. The demo does her browser's
            part: it sends the page's form, and Zoom leads her back to your site with a code.""")
        self.connection = self.authorize(["id", "email", "state", "last_successful_sync_at"])
        self.connection_url = f"$API/zoom_oauth_connections/{self.connection['id']}"

    def read_connection(self):
        return json.loads(self.stage.run(f"curl -s {self.connection_url} {KEY}")[0])

    def wait_for_sync(self):
        self.screen.chapter("Her meetings arrive in the background")
        deadline = time.monotonic() + SYNC_LIMIT_S
        while not (connection := self.read_connection())["last_successful_sync_at"]:
            if time.monotonic() > deadline:
                raise DemoFailed(f"the worker has synced no meetings within {SYNC_LIMIT_S} s")
        began, ended = (datetime.fromisoformat(connection[name])
                        for name in ("created_at", "last_successful_sync_at"))
        self.screen.say(f"""Nobody has to wait: the worker asks Zoom which meetings she hosts, and was
            done {(ended - began).total_seconds() * 1000:.0f} ms after she was connected. Hallpass now knows so many:""")
        count = self.run(f'curl -s "{self.connection_url}/meetings?page_size=100" \\\n'
                         f"  {KEY} | jq '.results | length'", 200)
        self.screen.answer(count)
        expect("the number of her meetings", count, str(MEETING_COUNT))

    def hear_events(self):
        self.screen.chapter("Zoom sends events")
        self.screen.say("""Zoom first tests the address with a token that must come back hashed with the
            app's webhook secret. It is satisfied:""")
        tested, = self.play_zoom(
            f"""curl -s $ZOOM/_simulator/apps/{self.client_id}/url_validation --json '{{}}' |
  jq '{{valid}} + (.delivery.attempts[0].body | fromjson)'""")
        expect("Zoom's verdict on the address", tested["valid"], True)

        self.screen.gap()
        self.screen.say("""Ada plans a meeting and starts it. Zoom signs each event; Hallpass checks the
            signature over the raw bytes, stores what it learned, and only then answers 200.""")
        self.meeting_url, created = self.play_zoom(
            f"""curl -s $ZOOM/_simulator/meetings --json '{{
  "host_id": "{self.user['id']}", "topic": "Design review", "event": true}}' |
  jq '.meetings[0].join_url, (.deliveries[0] | {{event}} + (.attempts[0] | {{signature, status}}))'""")
        self.meeting_id = re.search(r"/j/(\d+)", self.meeting_url)[1]
        started, = self.play_zoom(
            f"""curl -s $ZOOM/_simulator/meetings/{self.meeting_id}/start --json '{{}}' |
  jq '.deliveries[0] | {{event}} + (.attempts[0] | {{signature, status}})'""")
        for event in created, started:
            expect(f"the answer to {event['event']}", event["status"], 200)

        self.screen.gap()
        self.screen.say("Somebody who does not know the secret says that the meeting is over:")
        refused = self.call(f"""NOW=$(date +%s)
BODY='{{"event": "meeting.ended", "event_ts": '$NOW'000, "payload": {{"object": {{
  "id": "{self.meeting_id}", "host_id": "{self.user['id']}"}}}}}}'
SIGNATURE=$(printf 'v0:%s:%s' $NOW "$BODY" | openssl dgst -sha256 -hmac guess | sed 's/.* //')
curl -s $API/zoom_oauth/webhooks/{self.app['id']} --json "$BODY" \\
  -H "x-zm-request-timestamp: $NOW" -H "x-zm-signature: v0=$SIGNATURE\"""", 401, ["error", "code"])
        expect("why it is refused", refused["code"], "invalid_signature")

    def make_bot(self):
        self.screen.chapter("A bot for the meeting")
        self.screen.say("The link is enough: Hallpass knows from Zoom's events who hosts it.")
        self.bot = self.call(f"""curl -s $API/bots {KEY} --json '{{
  "meeting_url": "{self.meeting_url}"}}'""", 201,
                             ["id", "meeting_id", "join_flow", "zoom_oauth_connection_id"])
        expect("join_flow", self.bot["join_flow"], "token")
        expect("the bot's connection", self.bot["zoom_oauth_connection_id"], self.connection["id"])

    def ask_for_tokens(self, *fields):
        return self.call(f"curl -s -X POST $API/bots/{self.bot['id']}/zoom_tokens {KEY}", 200,
                         ["join_flow", "join_flow_reason", "app_privilege_token", *fields])

    def get_recording_token(self):
        tokens = self.ask_for_tokens("app_privilege_token_expires_at")
        expect("join_flow", tokens["join_flow"], "token")
        self.check_recording_token(tokens["app_privilege_token"])

    def check_recording_token(self, token):
        minted = self.zoom.minted_tokens(token=token, kind="local_recording")
        expect("the meeting for which Zoom made the token",
               [str(each["meeting_id"]) for each in minted], [self.meeting_id])

    def mint_tokens(self):
        self.screen.chapter("The bot joins")
        self.screen.say("""At that moment it asks for its tokens. app_privilege_token lets it record
            without asking the host; Zoom makes one for this meeting, good for 120 seconds.""")
        self.get_recording_token()

    def serve_engine(self):
        self.screen.chapter("The bot may be somebody else's: Attendee comes for its tokens")
        self.screen.say("""A bot engine has no API key. It gets an address of its own, which is a secret, and
            signs what it sends.""")
        signing_secret = base64.b64encode(secrets.token_bytes(32)).decode()
        callback = self.call(f"""curl -s $API/token_callbacks {KEY} --json '{{
  "engine": "attendee",
  "signing_secret": "{signing_secret}"}}'""", 201, ["id", "engine", "urls"])
        address = urlsplit(callback["urls"]["zoom_tokens_url"])
        self.set(CALLBACK=address.path)
        self.screen.say("What Attendee sends when its bot is about to join, and what it gets:")
        tokens = self.call(f"""BODY='{{"bot_id":"bot_1","bot_metadata":null,"callback_type":"zoom_tokens",'
BODY+='"meeting_url":"{self.meeting_url}"}}'
SIGNATURE=$(printf %s "$BODY" | openssl dgst -sha256 -mac HMAC -binary -macopt \\
  hexkey:{base64.b64decode(signing_secret).hex()} | base64)
curl -s {address.scheme}://{address.netloc}$CALLBACK \\
  --json "$BODY" -H "X-Webhook-Signature: $SIGNATURE\"""", 200, ["app_privilege_token"])
        self.check_recording_token(tokens["app_privilege_token"])

    def count_refreshes(self):
        return self.zoom.count_requests(client_id=self.client_id, grant_type="refresh_token")

    def mint_many(self):
        self.screen.chapter(f"{BOT_COUNT} bots at once, with an access token that has run out")
        self.screen.say("""A refresh token works once. When two programs use it at a time, Zoom refuses
            one of them, and whoever takes that for the end has lost the user. Here one program
            refreshes, and the others wait for its result:""")
        expect("the number of refreshes before", self.count_refreshes(), 0)
        flows = self.run(f"""BOTS=$(seq {BOT_COUNT} | xargs -P 8 -I '{{}}' curl -s $API/bots {KEY} \\
  --json '{{"meeting_url": "{self.meeting_url}"}}' |
  jq -r .id)
curl -s -o /dev/null $ZOOM/_simulator/grants/expire_access_tokens --json '{{
  "client_id": "{self.client_id}"}}'
echo "$BOTS" | xargs -P {BOT_COUNT} -I '{{}}' curl -s -X POST $API/bots/'{{}}'/zoom_tokens \\
  {KEY} | jq -r .join_flow | sort | uniq -c""")
        self.screen.answer(flows)
        expect("what the bots got", flows.split(), [str(BOT_COUNT), "token"])
        self.screen.gap()
        self.screen.say("How many refreshes has Zoom counted?")
        counted = self.run(f'curl -s "$ZOOM/_simulator/requests?client_id={self.client_id}'
                           "&grant_type=refresh_token\" |\n  jq .total", 200)
        self.screen.answer(counted)
        expect("the number of refreshes", counted, "1")

    def lose_user(self):
        self.screen.chapter("The user removes the app")
        self.screen.say("""Ada takes the permission back in her Zoom account, and Zoom says so with the
            event app_deauthorized.""")
        removed, = self.play_zoom(f"""curl -s $ZOOM/_simulator/grants/remove --json '{{
  "client_id": "{self.client_id}", "user_id": "{self.user['id']}"}}' |
  jq '.deliveries[0] | {{event}} + (.attempts[0] | {{signature, status}})'""")
        expect("the answer to app_deauthorized", removed["status"], 200)
        lost = self.call(f"curl -s {self.connection_url} {KEY}", 200,
                         ["id", "state", "connection_failure_data"])
        expect("the connection's state", lost["state"], "disconnected")
        expect("why it is disconnected", lost["connection_failure_data"]["code"], "app_deauthorized")

    def be_told(self):
        self.screen.chapter("Your application hears of it")
        number = self.stage.receiver.wait_for("disconnected")
        if number is None:
            raise DemoFailed("no notification that the connection is disconnected has arrived")
        self.screen.say("""It was written down in the transaction in which the connection changed, so that no
            crash can lose it, and the worker has sent it:""")
        told = json.loads(self.run(f"cat $INBOX/{number}/body"))
        self.screen.answer_json(told, ["trigger", "zoom_oauth_connection_id", "user_id", "data"])
        expect("whose notification it is", told["zoom_oauth_connection_id"], self.connection["id"])
        self.screen.gap()
        self.screen.say("Is it from Hallpass? openssl, which knows nothing of it, and the header say the same:")
        signatures = self.run(f"""TOLD=$INBOX/{number}
SECRET_HEX=$(printf %s "${{WEBHOOK_SECRET#whsec_}}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
printf '%s.%s.%s' $(cat $TOLD/webhook-id $TOLD/webhook-timestamp) "$(cat $TOLD/body)" |
  openssl dgst -sha256 -mac HMAC -macopt hexkey:$SECRET_HEX -binary | base64
cat $TOLD/webhook-signature""").split("\n")
        self.screen.answer(*signatures)
        expect("the header webhook-signature", signatures[1], f"v1,{signatures[0]}")

    def join_anyway(self):
        self.screen.chapter("The bot still gets an answer that it can join with")
        self.screen.say("""Without a token it joins like any guest and asks the host for permission to
            record. No error to handle, and the reason is said.""")
        tokens = self.ask_for_tokens()
        expect("join_flow", tokens["join_flow"], "standard")
        expect("join_flow_reason", tokens["join_flow_reason"], "connection_disconnected")

    def connect_again(self):
        self.screen.chapter("The user says yes again")
        self.screen.say("The same consent as before, and the connection is the same as before:")
        again = self.authorize(["id", "state", "connection_failure_data"])
        expect("the connection's id", again["id"], self.connection["id"])
        self.screen.gap()
        self.screen.say("And the same bot gets its recording token again:")
        self.get_recording_token()

    def sum_up(self):
        routes = self.zoom.requests(client_id=self.client_id, limit=0)["by_route"]
        calls = {route: counted["count"] for route, counted in routes.items()
                 if not route.endswith("/oauth/authorize")}  # the browser's, not ours
        took_s = time.monotonic() - self.started_at
        self.screen.chapter(f"That was all, in {took_s:.1f} seconds")
        self.screen.say(f"Zoom has counted {sum(calls.values())} calls that Hallpass made, "
                        f"{self.count_refreshes()} of them a refresh (refused calls count too):")
        self.screen.gap()
        self.screen.answer(*(f"{count:3} {route}" for route, count in sorted(calls.items())))
        self.screen.gap()
