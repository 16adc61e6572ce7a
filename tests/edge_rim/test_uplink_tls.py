"""TLS with a client certificate to a real Mosquitto: accepted, and refused with the reason."""

import queue
import shutil
import subprocess
import time

import pytest

from demo.broker import _mosquitto, free_port
from demo.processes import Child
from edge.config import Uplink as UplinkConfig
from edge.uplink import Connected, Connection, Disconnected, LastWords, Published

TIMEOUT_S = 10.0

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for authority in ("ca", "other"):
        openssl(
            folder,
            "req",
            "-x509",
            *ec,
            "-keyout",
            f"{authority}.key",
            "-out",
            f"{authority}.pem",
            "-subj",
            f"/CN={authority}",
        )
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl(folder, "req", *ec, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "extension").write_text(extension)
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extension")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signer)


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A folder with certificates and the port of a broker that wants one."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1",
        f"cafile {folder / 'ca.pem'}",
        f"certfile {folder / 'server.pem'}",
        f"keyfile {folder / 'server.key'}",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        "user root",
    ]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    broker = Child("mosquitto", [_mosquitto(), "-c", folder / "mosquitto.conf"], folder / "mosquitto.log")
    broker.start()
    yield folder, port
    broker.stop()


def outcome(port, **files):
    """The first Connected or Disconnected, tried again while the broker is still starting."""
    config = UplinkConfig(host="127.0.0.1", port=port, **{key: str(path) for key, path in files.items()})
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        facts = queue.SimpleQueue()
        words = LastWords(b"gone", b"here")
        connection = Connection(1, config, site="s", box="b", words=words, emit=facts.put, died=pytest.fail)
        connection.open()
        while isinstance(fact := facts.get(timeout=TIMEOUT_S), Published):
            pass
        connection.close(b"bye")
        if not (isinstance(fact, Disconnected) and "refused" in fact.reason and time.monotonic() < deadline):
            return fact


def test_a_client_certificate_opens_the_connection(secure):
    folder, port = secure
    files = {"ca_file": folder / "ca.pem", "cert_file": folder / "client.pem", "key_file": folder / "client.key"}
    fact = outcome(port, **files)
    assert isinstance(fact, Connected), fact


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_of_another_authority_is_not_trusted(secure):
    folder, port = secure
    fact = outcome(port, ca_file=folder / "other.pem", cert_file=folder / "client.pem", key_file=folder / "client.key")
    assert isinstance(fact, Disconnected)
    assert "certificate verify failed" in fact.reason
    assert not fact.reached


def test_without_a_certificate_there_is_no_connection(secure):
    folder, port = secure
    assert isinstance(outcome(port, ca_file=folder / "ca.pem"), Disconnected)


def test_files_that_vanish_are_a_failed_connection_and_no_crash(secure):
    folder, port = secure
    fact = outcome(port, ca_file=folder / "absent.pem")
    assert isinstance(fact, Disconnected)
    assert "absent.pem" in fact.reason
