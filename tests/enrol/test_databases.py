"""Enrolment on both databases, and two devices that use one code, or want one name, at the same moment."""

import threading
import time

import pytest
from bridge_databases import database_url, postgres_server, sqlite_store, sqlite_template, store
from cryptography.hazmat.primitives.asymmetric import ec

from cloud_bridge.enrol.authority import Authority, EnrolError, make_authority
from cloud_bridge.enrol.enrolment import Enrolment, Told
from edge.enrol.exchange import _signing_request
from edge.wire import encode
from edge.wire.enrol import EnrolRequest, prove_request, seal

__all__ = ["database_url", "postgres_server", "sqlite_store", "sqlite_template", "store"]

NOW_NS = time.time_ns()


@pytest.fixture
def enrolment(store, tmp_path):
    make_authority(tmp_path / "authority")
    told = Told(
        broker_host="b",
        broker_port=1,
        broker_ca_file="",
        bridge_ca_file="",
        code_ns=3600 * 10**9,
        certificate_days=365,
        late_days=30,
    )
    return Enrolment(store, Authority(tmp_path / "authority"), told)


def request_of(code, box):
    key = ec.generate_private_key(ec.SECP256R1())
    payload = encode(
        EnrolRequest(
            version=1,
            code=code.id,
            site="north",
            box=box,
            csr=_signing_request(key, "north", box),
            hardware="",
            software="",
            nonce="0" * 32,
        )
    )
    return seal(payload, prove_request(code, payload))


def at_once(works):
    """What each work gave or raised, all begun at one moment."""
    begin, results = threading.Barrier(len(works)), [None] * len(works)

    def run(n, work):
        begin.wait()
        try:
            results[n] = work()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[n] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_one_code_is_good_for_one_of_many_devices(enrolment):
    code, _ = enrolment.make_code("north", None, "anna", NOW_NS)
    bodies = [request_of(code, f"counter-{n}") for n in range(4)]
    results = at_once([lambda body=body: enrolment.enrol(body, NOW_NS) for body in bodies])
    refused = [result for result in results if isinstance(result, Exception)]
    assert len(refused) == 3
    assert all(isinstance(error, EnrolError) and "used by another device" in str(error) for error in refused)
    assert len(enrolment.certificates()) == 1


def test_one_name_is_taken_by_one_of_many_codes(enrolment):
    codes = [enrolment.make_code("north", None, "anna", NOW_NS)[0] for _ in range(4)]
    bodies = [request_of(code, "counter-1") for code in codes]
    results = at_once([lambda body=body: enrolment.enrol(body, NOW_NS) for body in bodies])
    refused = [result for result in results if isinstance(result, Exception)]
    assert len(refused) == 3, results
    assert all(isinstance(error, EnrolError) and "enrolled already" in str(error) for error in refused), refused
    assert sum(row.used_ns is not None for row in enrolment.codes()) == 1


def test_a_device_in_the_place_of_another_and_its_revocation(enrolment):
    for later_ns in range(2):
        code, _ = enrolment.make_code("north", "counter-1", "anna", NOW_NS)
        enrolment.enrol(request_of(code, "counter-1"), NOW_NS + later_ns)
    assert enrolment.revoke("north", "counter-1", "lost", NOW_NS) == 1
    (row,) = enrolment.certificates()
    assert (row.revoked_ns, row.revoked_why) == (NOW_NS, "lost")
    assert enrolment.withdraw_code(code.id, NOW_NS) is False
