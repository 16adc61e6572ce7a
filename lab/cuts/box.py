"""The configuration of the box whose power is cut."""

from __future__ import annotations

from demo.chain import BOX, SITE, toml

# Where QEMU's own network shows the host's loopback interface.
HOST = "10.0.2.2"
BEFORE_S, AFTER_S = 3.0, 2.0


def box_toml(broker_port: int) -> str:
    """A red button on a line with its lamp, a button of the box's page, short windows, a broker on the host."""
    window = {"before_s": BEFORE_S, "after_s": AFTER_S}
    return toml(
        {
            "box": {"site": SITE, "name": BOX, "place": "Counter in the lab"},
            "ear": {"device": "plughw:CARD=Loopback,DEV=1", "depth_s": 120},
            "tracks": {"windows": {"incident": window, "appeal": window}},
            "presses": {"misuse_presses": 1_000_000},
            "buttons": [
                {"name": "red", "driver": "gpio", "line": "GPIO17", "trigger": "incident", "rating": 1},
                {"name": "page", "driver": "virtual", "trigger": "appeal", "employee": "Anna Petrova"},
            ],
            "lamps": [{"name": "red-lamp", "driver": "gpio_led", "line": "GPIO27", "button": "red"}],
            "uplink": {
                "host": HOST,
                "port": broker_port,
                "tls": False,
                "user": f"{SITE}/{BOX}",
                "password_file": "/run/credentials/earshot-box.service/broker",
                "receipt_timeout_ms": 5000,
                "backoff_min_ms": 200,
                "backoff_max_ms": 2000,
            },
        }
    )
