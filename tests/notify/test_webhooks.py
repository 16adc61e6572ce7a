"""Webhooks: signed, never redirected, and never to what only this machine can reach, whatever a name says."""

import base64
import hashlib
import hmac
import http.server
import ipaddress
import json
import ssl
import threading
from contextlib import contextmanager

import pytest
from certificates import make_server

from cloud_bridge.config import ConfigError, Notify
from cloud_bridge.notify.addresses import Reach
from cloud_bridge.notify.carrier import Parcel, Refused
from cloud_bridge.notify.outbox import NotifyError
from cloud_bridge.notify.webhooks import Webhooks, make_secret, signature

NOW_NS = 1_800_000_000 * 10**9
HERE = Notify(webhook_networks=("127.0.0.0/8",), webhook_http=True)
SECRET = make_secret()


@contextmanager
def receiver(*answers, tls=None):
    """A server that keeps what it gets and answers by a script of (status, headers)."""
    got, script = [], list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, dict(self.headers), body))
            status, headers = script.pop(0) if script else (204, {})
            self.send_response(status)
            for name, value in ({"content-length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name is http.server's

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1], got
        server.shutdown()
        thread.join()


def parcel(url, **more):
    values = {"id": "alarm_1", "subject": "alarm.raised", "text": '{"a":"ж"}', "made_ns": 1, "secret": SECRET} | more
    return Parcel(address=url, **values)


def test_a_receiver_can_check_who_sent_it_and_when():
    with receiver() as (port, got):
        assert Webhooks(Reach(HERE)).carry(parcel(f"http://127.0.0.1:{port}/in?x=1"), NOW_NS) == "204"
    ((path, headers, body),) = got
    assert (path, json.loads(body)) == ("/in?x=1", {"a": "ж"})
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("alarm_1", "1800000000")
    # As a receiver would write it from the specification.
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = hmac.new(key, b"alarm_1.1800000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(wanted).decode()
    assert signature(SECRET, "alarm_1", 1_800_000_001, body) != headers["webhook-signature"]


def test_the_specifications_own_example():
    # https://www.standardwebhooks.com: the example of the reference libraries.
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_refused(status):
    with receiver((status, {"location": "http://169.254.169.254/latest/meta-data"})) as (port, got):
        with pytest.raises(Refused, match=str(status)):
            Webhooks(Reach(HERE)).carry(parcel(f"http://127.0.0.1:{port}/"), NOW_NS)
        assert len(got) == 1


@pytest.mark.parametrize(("status", "final"), [(500, False), (404, False), (410, True)])
def test_a_refusal_is_told_and_gone_is_gone(status, final):
    with receiver((status, {})) as (port, _), pytest.raises(Refused, match=str(status)) as told:
        Webhooks(Reach(HERE)).carry(parcel(f"http://127.0.0.1:{port}/"), NOW_NS)
    assert told.value.final is final


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1",
        "2001:db8::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_public_internet_are_refused(text):
    assert not Reach(Notify()).allows(ipaddress.ip_address(text))
    reach = Reach(Notify(), lambda _host, _port: ["8.8.8.8", text])
    with pytest.raises(NotifyError, match="not of the public internet"):
        # One good address beside it does not help.
        reach.address_of(reach.target("https://hook.example/"))


@pytest.mark.parametrize("text", ["8.8.8.8", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_reached(text):
    assert Reach(Notify()).allows(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://hook.example/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_", "https://",
        "https://user:pass@hook.example/", "https://hook.example/#x", "https://hook.example:99999/", "https://ho ok/",
        "https://hook.example\\@127.0.0.1/", "https://hook.example/\r\nx: y", "https://хук.example/", "//hook.example",
        "https://[::1", "https://" + "a" * 3000,
    ],
)  # fmt: skip
def test_addresses_that_no_webhook_has_are_refused(url):
    with pytest.raises(NotifyError):
        Reach(Notify()).target(url)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "127.0.0.1", "[::1]"])
def test_other_ways_to_write_this_machine_do_not_help(host):
    # The system's resolver reads some of them as 127.0.0.1 and knows none of the others.
    public = Webhooks(Reach(Notify(webhook_http=True)))
    with receiver() as (port, got):
        with pytest.raises(Refused):
            public.carry(parcel(f"http://{host}:{port}/"), NOW_NS)
        assert got == []


def test_a_name_that_changes_its_mind_leads_nowhere_else():
    asked = []

    def look_up(host, _port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with receiver() as (port, got):
        Webhooks(Reach(HERE, look_up)).carry(parcel(f"http://hook.example:{port}/"), NOW_NS)
        # Looked up once; the connection went to that answer, the host's name into the request.
        assert asked == ["hook.example"]
        assert got[0][1]["Host"] == f"hook.example:{port}"
        with pytest.raises(Refused, match=r"169\.254"):
            Webhooks(Reach(HERE, look_up)).carry(parcel(f"http://hook.example:{port}/"), NOW_NS)


def test_the_name_is_checked_although_the_address_is_pinned(tmp_path):
    make_server(tmp_path / "tls")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "tls/server.pem", tmp_path / "tls/server.key")
    trust = ssl.create_default_context(cafile=tmp_path / "tls/ca.pem")
    reach = Reach(HERE, lambda _host, _port: ["127.0.0.1"])
    with receiver(tls=tls) as (port, got):
        assert Webhooks(reach, trust).carry(parcel(f"https://localhost:{port}/"), NOW_NS) == "204"
        with pytest.raises(Refused, match=r"hook\.example"):
            Webhooks(reach, trust).carry(parcel(f"https://hook.example:{port}/"), NOW_NS)
        with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
            Webhooks(reach).carry(parcel(f"https://localhost:{port}/"), NOW_NS)
        assert len(got) == 1


def test_networks_are_allowed_by_name_only():
    assert Reach(Notify(webhook_networks=("10.1.0.0/16",))).allows(ipaddress.ip_address("10.1.2.3"))
    assert not Reach(Notify(webhook_networks=("10.1.0.0/16",))).allows(ipaddress.ip_address("10.2.2.3"))
    with pytest.raises(ConfigError, match=r"10\.1\.0\.0/16"):
        Reach(Notify(webhook_networks=("everything",)))
