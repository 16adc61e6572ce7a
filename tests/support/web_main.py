"""The main thread's side of the box's local page, for tests: answers at once, or not at all."""

from edge.config import decode
from edge.field.findings import finding
from edge.local_web import LocalWeb
from edge.requests import Done, PressRequest, Refused, ShiftRequest

TOKEN = "right horse battery"
STATE = {
    "connected": True,
    "contacts": [
        {"button": "red", "down": False, "count": 2, "ago_s": 3.2, "source": "gpio"},
        {"button": "kok", "down": False, "count": 0, "ago_s": None, "source": None},
    ],
    "bridge_online": False,
    "shifts": {"kok": "<b>Анна</b>"},
    "presses": [
        {"wall_ns": 1, "trigger": "incident", "employee": None, "button": "red", "track_state": "open"},
        {"wall_ns": 1, "trigger": "sale", "employee": "x", "button": "red", "track_state": None},
    ],
    "health": {
        "ear": {"running": True, "rms_dbfs": -31.2, "simulated": True},
        "events_waiting": 3,
        "tracks_waiting": 1,
        "faults": ["<script>alert(1)</script>"],
    },
}
FINDINGS = [
    finding("clock", "free"),
    finding("buttons", "absent", button="red", device="<script>alert(2)</script>"),
    finding("bridge", "ok"),
]


class Main:
    """The main thread's side: answers at once, or not at all."""

    def __init__(self):
        self.requests = []
        self.silent = False
        self.died = []
        self.examined = []

    def ask(self, request):
        self.requests.append(request)
        if self.silent:
            return
        if isinstance(request, PressRequest):
            known = request.fact.button == "red"
            request.answer.set_result(Done("ab" * 16, repeated=False) if known else Refused("button is not configured"))
        elif isinstance(request, ShiftRequest):
            request.answer.set_result(None if request.fact.button == "kok" else Refused("not shared"))
        else:
            request.answer.set_result(STATE)

    def presses(self):
        return [request for request in self.requests if isinstance(request, PressRequest)]


def serve(main, token=TOKEN):
    tree = {
        "box": {"site": "s", "name": "b", "place": 'A "quoted" <counter>'},
        "web": {"port": 0, "token": token},
        "buttons": [
            {"name": "red", "driver": "virtual", "trigger": "incident"},
            {"name": "kok", "driver": "virtual", "trigger": "appeal", "shared": True},
        ],
    }
    web = LocalWeb(
        decode(tree, "test"),
        main.ask,
        lambda: 42,
        lambda *what: main.died.append(what),
        lambda state: main.examined.append(state) or FINDINGS,
    )
    web.start()
    return web
