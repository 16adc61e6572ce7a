"""The main thread's side of the box's local page, for tests: answers at once, or not at all."""

from edge.config import decode
from edge.field.findings import finding
from edge.local_web import LocalWeb
from edge.requests import DisplayRequest, Done, PressRequest, Refused, ShiftRequest

TOKEN = "right horse battery"
DISPLAY = {
    "place": 'A "quoted" <counter>',
    "simulated": False,
    "camera": "face",
    "index": {"n": 24, "percent": 66.7, "low_percent": 46.7, "high_percent": 82.0, "publishing": "unranked"},
    "trend": "up",
    "days": [{"start_ns": n, "n": n, "percent": None if n == 2 else 40.0 + n} for n in range(7)],
    "reaction": {"press": "1" * 32, "kind": "smile", "probability": 0.9},
}
STATE = {
    "has_camera": True,
    "connected": True,
    "contacts": [
        {"button": "red", "down": False, "count": 2, "ago_s": 3.2, "source": "gpio"},
        {"button": "kok", "down": False, "count": 0, "ago_s": None, "source": None},
    ],
    "bridge_online": False,
    "shifts": {"kok": "<b>Анна</b>"},
    "presses": [
        {
            "wall_ns": 1,
            "trigger": "incident",
            "employee": None,
            "button": "red",
            "track_state": "open",
            "snapshot": "2" * 32,
            "snapshot_made": True,
            "smile": 0.873,
        },
        {"wall_ns": 1, "trigger": "sale", "employee": "x", "button": "red", "track_state": None},
    ],
    "health": {
        "ear": {"running": True, "rms_dbfs": -31.2, "simulated": True},
        "eye": {"running": True, "state": "face", "privacy": "index", "simulated": True},
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
        self.display = DISPLAY

    def ask(self, request):
        self.requests.append(request)
        if self.silent:
            return
        if isinstance(request, PressRequest):
            known = request.fact.button == "red"
            request.answer.set_result(Done("ab" * 16, repeated=False) if known else Refused("button is not configured"))
        elif isinstance(request, ShiftRequest):
            request.answer.set_result(None if request.fact.button == "kok" else Refused("not shared"))
        elif isinstance(request, DisplayRequest):
            request.answer.set_result(self.display)
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
