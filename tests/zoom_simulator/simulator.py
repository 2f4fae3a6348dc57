"""One simulated Zoom: routes requests to its parts, logs them, and applies the faults."""

from .control import Control
from .events import Events
from .faults import Faults
from .http_message import Response
from .http_server import Later
from .oauth import OAuth, parameters
from .request_log import Call, RequestLog
from .rest_api import RestApi, bearer
from .state import State
from .tokens import tracking_id
from .webhook_delivery import WebhookSender

CONTROL = "/_simulator/"


class Simulator:
    def __init__(self):
        self.state = State()
        self.log = RequestLog()
        self.faults = Faults()
        self.sender = WebhookSender(lambda: self.state.settings)
        self.events = Events(self.state, self.sender)
        # In a thread, for the app is still waiting for the answer to its call.
        self.oauth = OAuth(self.state,
                           lambda grant: self.events.deauthorized(grant, {"wait": False}))
        self.rest_api = RestApi(self.state)
        self.control = Control(self)

    def handle(self, request):
        """Zoom's answer, or a `Later` where it has to wait."""
        if request.path.startswith(CONTROL):
            return Later(lambda: self.control.handle(request), blocks=True)
        call = self.identify(request)
        fault = self.faults.take(call)
        call.fault_id = fault and fault.id
        self.log.start(call)
        if fault:
            return Later(lambda: self.finish(call, fault.apply(lambda: self.run(call, request))),
                         fault.delay_ms / 1000, blocks=fault.hold is not None)
        return self.finish(call, self.run(call, request))

    def finish(self, call, response):
        response.headers.setdefault("x-zm-trackingid", tracking_id())
        # Finished before it is sent: a client that has its answer finds the call in the log.
        self.log.finish(call, "dropped" if response.drop else response.status)
        return response

    def identify(self, request):
        fields = {}
        token = bearer(request)
        if token:
            client_id, user_id = self.state.owner_of(token)
        else:
            fields = parameters(request)
            client_id, user_id = self.oauth.identify(request, fields)
        return Call(request, client_id, user_id, fields.get("grant_type"))

    def run(self, call, request):
        response = self.answer(request)
        call.effect_status = response.status
        return response

    def answer(self, request):
        if request.path.startswith("/oauth/"):
            return self.oauth.handle(request)
        if request.path.startswith("/v2/"):
            return self.rest_api.handle(request)
        return Response.of_html(404, "<h1>Not Found</h1>")
