"""Whom a download over https trusts, and that a certificate that is not there is waited for, not died of."""

import http.server
import ssl
import subprocess
import threading

import pytest
from box_parts import config

from edge.update.download import Download, Interrupted, Wanted
from edge.update.parts import tls_context
from edge.wire import sha256

CONTENT = b"a bundle"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names], check=True, capture_output=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made.server_port, cert
    made.shutdown()
    thread.join()
    made.server_close()


def fetch(port, folder, settings):
    wanted = Wanted(f"https://localhost:{port}/x", len(CONTENT), sha256(CONTENT))
    return Download(
        wanted,
        folder / "update",
        tls=lambda: tls_context(settings),
        held=lambda: False,
        told=lambda _: None,
        reserve_bytes=0,
    ).run()


def test_the_named_authority_is_trusted_and_no_other(server, tmp_path):
    port, cert = server
    assert fetch(port, tmp_path, config(update={"ca_file": str(cert)})).read_bytes() == CONTENT
    with pytest.raises(Interrupted, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(port, tmp_path / "other", config())


@pytest.mark.parametrize(
    "sections",
    [{"update": {"ca_file": "/nowhere.pem"}}, {"uplink": {"enrolled": True}}, {"uplink": {"cert_file": "/nowhere"}}],
    ids=["no authority", "not enrolled", "no certificate"],
)
def test_what_is_missing_is_waited_for(server, tmp_path, sections):
    sections["box"] = {"site": "shop", "name": "one", "data_dir": str(tmp_path)}
    with pytest.raises(Interrupted, match="TLS can't be set up"):
        fetch(server[0], tmp_path, config(**sections))
