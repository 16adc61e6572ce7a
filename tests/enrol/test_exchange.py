"""Box and bridge, each the real one: enrolling, repeating, being refused, being lied to, renewing, being revoked."""

import json
import stat

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from enrol_bridge import DAY_NS, FACTS, NS, URL, ordered, posting
from sqlalchemy import select

from cloud_bridge.enrol.authority import CRL, EnrolError
from cloud_bridge.store import queries, users
from cloud_bridge.store import tables as t
from cloud_bridge.store.tables_enrol import certificate, enrol_code
from edge.enrol.exchange import RefusedByBridge, Unreachable, attempt, checked_url, enrol, renew, renew_now
from edge.enrol.identity import FAULTS, Identity, IdentityError, Order, bridge_context
from edge.wire import sha256
from edge.wire.enrol import Sealed


def code_for(world, clock, box="counter-1", site="north"):
    return world.enrolment.make_code(site, box, "anna", clock())[0]


def enrolled_box(world, clock, post, folder, box="counter-1"):
    identity = ordered(folder, code_for(world, clock, box).text, box=box)
    return identity, attempt(identity, clock(), post=post, **FACTS)


def leaf_of(identity):
    return x509.load_pem_x509_certificates(identity.file(identity.enrolled().certificate).read_bytes())[0]


def audit(world):
    return [(row.user, row.action, row.object) for row in reversed(users.list_audit(world.store))]


def test_a_box_with_a_code_gets_a_certificate_in_its_name_and_appears_in_the_list(world, clock, post, tmp_path):
    identity, enrolled = enrolled_box(world, clock, post, tmp_path / "box")

    leaf = leaf_of(identity)
    assert [one.value for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["north/counter-1"]
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert world.enrolment.authority.has_signed(leaf)
    assert (enrolled.broker_host, enrolled.broker_port, enrolled.bridge_url) == ("broker.example", 8883, URL)
    assert 364 * DAY_NS < enrolled.expires_ns - clock() < 366 * DAY_NS
    assert [(box.site, box.name, box.online) for box in queries.boxes(world.store)] == [("north", "counter-1", False)]
    assert identity.order() is None
    assert audit(world)[-1][1] == "box.enrol"


def test_the_key_stays_on_the_box_and_is_read_by_nobody_else(world, clock, post, tmp_path):
    sent = []
    identity = ordered(tmp_path / "box", code_for(world, clock).text)
    attempt(identity, clock(), post=lambda url, body: sent.append(body) or post(url, body), **FACTS)

    key = serialization.load_pem_private_key(identity.key_file.read_bytes(), None)
    assert key.key_size == 256
    secret_number = key.private_numbers().private_value.to_bytes(32)
    assert all(secret_number not in body and b"PRIVATE" not in body for body in sent)
    assert {stat.S_IMODE(path.stat().st_mode) for path in identity.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(identity.folder.stat().st_mode) == 0o700


def test_the_code_is_nowhere_at_the_bridge_and_never_sent(world, clock, post, tmp_path):
    sent = []
    code = code_for(world, clock)
    identity = ordered(tmp_path / "box", code.text)
    attempt(identity, clock(), post=lambda url, body: sent.append(body) or post(url, body), **FACTS)

    world.store.close()
    kept = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    for form in (code.secret, code.text, code.text.replace("-", "")):
        assert form.encode() not in kept
        assert all(form.encode() not in body for body in sent)
    assert all(form not in path.read_text() for path in identity.folder.iterdir() for form in (code.secret, code.text))


def test_an_answer_that_was_lost_is_given_again_to_the_same_key_alone(world, clock, post, tmp_path):
    code = code_for(world, clock)
    identity = ordered(tmp_path / "box", code.text)

    def lost(url, body):
        post(url, body)
        raise Unreachable("the cable was pulled")

    with pytest.raises(Unreachable):
        attempt(identity, clock(), post=lost, **FACTS)
    assert identity.enrolled() is None
    assert identity.order() is not None
    attempt(identity, clock(), post=post, **FACTS)
    with world.store.read() as connection:
        assert connection.execute(select(certificate.c.serial)).scalars().all() == [
            f"{leaf_of(identity).serial_number:x}"
        ]

    other = ordered(tmp_path / "other", code.text)
    with pytest.raises(RefusedByBridge, match="used by another device"):
        attempt(other, clock(), post=post, **FACTS)
    assert other.trouble().refused


@pytest.mark.parametrize(
    ("site", "box", "said"),
    [("south", "counter-1", "for site 'north'"), ("north", "counter-2", "for box 'counter-1'")],
)
def test_a_code_is_good_for_its_own_name_alone(world, clock, post, tmp_path, site, box, said):
    identity = ordered(tmp_path / "box", code_for(world, clock).text, site=site, box=box)
    with pytest.raises(RefusedByBridge, match=said):
        attempt(identity, clock(), post=post, **FACTS)
    assert queries.boxes(world.store) == ()


def test_a_code_ends_and_can_be_withdrawn(world, clock, post, tmp_path):
    late, withdrawn = code_for(world, clock), code_for(world, clock)
    assert world.enrolment.withdraw_code(withdrawn.id, clock())
    with pytest.raises(RefusedByBridge, match="withdrawn"):
        attempt(ordered(tmp_path / "one", withdrawn.text), clock(), post=post, **FACTS)
    clock.forward(3600 * NS)
    with pytest.raises(RefusedByBridge, match="expired"):
        attempt(ordered(tmp_path / "two", late.text), clock(), post=post, **FACTS)


def test_who_guesses_learns_nothing_and_soon_has_to_wait(world, clock, post, tmp_path):
    known = code_for(world, clock)
    said = set()
    for wrong in [known.id + "0" * 19] + ["00000" + "Z" * 19] * 19:
        guess = parse_code_unchecked(wrong)
        with pytest.raises(RefusedByBridge) as caught:
            attempt(ordered(tmp_path / "box", guess.text), clock(), post=post, **FACTS)
        said.add(str(caught.value))
    assert len(said) == 1
    with pytest.raises(Unreachable, match="429"):
        attempt(ordered(tmp_path / "box", known.text), clock(), post=post, **FACTS)
    clock.forward(900 * NS)
    attempt(ordered(tmp_path / "box", known.text), clock(), post=post, **FACTS)


def parse_code_unchecked(plain):
    from edge.wire.enrol import make_code

    return make_code(plain[:5], plain[5:])


def test_a_code_for_any_box_never_takes_a_name_that_is_in_use(world, clock, post, tmp_path):
    enrolled_box(world, clock, post, tmp_path / "one")
    free = code_for(world, clock, box=None)
    thief = ordered(tmp_path / "two", free.text)
    with pytest.raises(RefusedByBridge, match="enrolled already"):
        attempt(thief, clock(), post=post, **FACTS)
    attempt(ordered(tmp_path / "two", free.text, box="counter-2"), clock(), post=post, **FACTS)
    assert len(queries.boxes(world.store)) == 2


def test_a_device_that_takes_the_place_of_another_locks_it_out(world, clock, post, tmp_path):
    old, _ = enrolled_box(world, clock, post, tmp_path / "old")
    enrolled_box(world, clock, post, tmp_path / "new")
    with pytest.raises(RefusedByBridge, match="revoked"):
        renew(old, post=post, **FACTS)
    crl = x509.load_pem_x509_crl((world.enrolment.authority.folder / CRL).read_bytes())
    assert [one.serial_number for one in crl] == [leaf_of(old).serial_number]


def test_a_false_bridge_gets_nothing_and_gives_nothing(world, clock, post, tmp_path):
    """Somebody in between who knows everything but the code: another authority, another broker, a changed grant."""
    from web_world import World

    (tmp_path / "false").mkdir()
    false = World(tmp_path / "false")
    false.make_authority(broker_host="evil.example")
    code = code_for(world, clock)
    try:
        false.enrolment.make_code("north", "counter-1", "eve", clock())
        with false.store.write() as connection:
            connection.execute(enrol_code.update().values(id=code.id))
        with posting(false, clock) as evil:
            identity = ordered(tmp_path / "box", code.text)
            with pytest.raises(RefusedByBridge, match="not known"):
                attempt(identity, clock(), post=evil, **FACTS)

        def changed(url, body):
            answer = msgspec.json.decode(post(url, body), type=Sealed)
            grant = json.loads(answer.payload) | {"broker_host": "evil.example"}
            return msgspec.json.encode(Sealed(payload=json.dumps(grant), proof=answer.proof))

        with pytest.raises(Unreachable, match="does not know the code"):
            attempt(identity, clock(), post=changed, **FACTS)
        assert identity.enrolled() is None
        assert identity.order() is not None, "it goes on trying at the true one"
        attempt(identity, clock(), post=post, **FACTS)
        assert identity.enrolled().broker_host == "broker.example"

        def changed_request(url, body):
            sealed = msgspec.json.decode(body, type=Sealed)
            request = json.loads(sealed.payload) | {"box": "counter-9"}
            return post(url, msgspec.json.encode(Sealed(payload=json.dumps(request), proof=sealed.proof)))

        second = ordered(tmp_path / "second", code_for(world, clock, box=None).text)
        with pytest.raises(RefusedByBridge, match="not known"):
            attempt(second, clock(), post=changed_request, **FACTS)
    finally:
        false.close()


def test_a_recorded_answer_is_good_for_no_other_request(world, clock, post, tmp_path):
    code = code_for(world, clock)
    recorded = []
    identity = ordered(tmp_path / "box", code.text)
    attempt(identity, clock(), post=lambda url, body: recorded.append(post(url, body)) or recorded[0], **FACTS)
    other = ordered(tmp_path / "other", code.text)
    with pytest.raises(Unreachable, match="does not know the code"):
        attempt(other, clock(), post=lambda _url, _body: recorded[0], **FACTS)


def test_a_certificate_renews_in_time_and_the_key_stays(world, clock, post, tmp_path):
    identity, enrolled = enrolled_box(world, clock, post, tmp_path / "box")
    key, first = identity.key_file.read_bytes(), leaf_of(identity)

    def nobody(url, body):
        raise AssertionError("nothing is due")

    assert attempt(identity, enrolled.renews_ns - 1, post=nobody, **FACTS) == enrolled
    clock.now_ns = enrolled.renews_ns
    renewed = attempt(identity, clock(), post=post, **FACTS)
    assert renewed.expires_ns > enrolled.expires_ns + 200 * DAY_NS
    assert identity.key_file.read_bytes() == key
    assert leaf_of(identity).public_key() == first.public_key()
    assert sorted(path.name for path in identity.folder.iterdir()) == sorted(
        [renewed.certificate, "enrolled.json", "key.pem"]
    )
    assert audit(world)[-1][:2] == ("renewal", "box.renew")


def test_a_renewal_asked_twice_is_one_and_needs_the_key(world, clock, post, tmp_path):
    identity, _ = enrolled_box(world, clock, post, tmp_path / "box")
    clock.forward(2 * DAY_NS)
    bodies = []
    renew(identity, post=lambda url, body: bodies.append(body) or post(url, body), **FACTS)
    serial = leaf_of(identity).serial_number
    renew(identity, post=post, **FACTS)
    assert leaf_of(identity).serial_number == serial
    sealed = msgspec.json.decode(bodies[0], type=Sealed)
    changed = msgspec.json.encode(Sealed(payload=sealed.payload.replace("Raspberry", "Strawberry"), proof=sealed.proof))
    with pytest.raises(RefusedByBridge, match="not signed"):
        post(URL + "/api/enrol/renew", changed)


def test_a_renewal_is_believed_from_the_bridge_of_the_enrolment_alone(world, clock, post, tmp_path):
    identity, enrolled = enrolled_box(world, clock, post, tmp_path / "box")

    def changed(url, body):
        answer = msgspec.json.decode(post(url, body), type=Sealed)
        grant = json.loads(answer.payload) | {"broker_host": "evil.example"}
        return msgspec.json.encode(Sealed(payload=json.dumps(grant), proof=answer.proof))

    with pytest.raises(Unreachable, match="not the bridge that enrolled"):
        renew_now(identity, post=changed, **FACTS)
    assert identity.enrolled() == enrolled
    assert "not the bridge" in identity.trouble().reason


def test_a_certificate_that_is_over_renews_for_a_while(world, clock, post, tmp_path):
    identity, enrolled = enrolled_box(world, clock, post, tmp_path / "box")
    clock.now_ns = enrolled.expires_ns + 31 * DAY_NS
    with pytest.raises(RefusedByBridge, match="over for more than 30 days"):
        renew(identity, post=post, **FACTS)
    clock.now_ns = enrolled.expires_ns + 29 * DAY_NS
    assert renew(identity, post=post, **FACTS).expires_ns > clock()


def test_a_revoked_box_is_out_until_it_is_enrolled_anew(world, clock, post, tmp_path):
    identity, _ = enrolled_box(world, clock, post, tmp_path / "box")
    assert world.enrolment.revoke("north", "counter-1", "stolen", clock()) == 1
    assert world.enrolment.revoke("north", "counter-1", "stolen", clock()) == 0
    with pytest.raises(RefusedByBridge, match="revoked"):
        renew(identity, post=post, **FACTS)
    identity.keep_order(Order(bridge_url=URL, code=code_for(world, clock).text, site="north", box="counter-1"))
    attempt(identity, clock(), post=post, **FACTS)
    assert renew(identity, post=post, **FACTS)


def test_without_an_authority_the_bridge_says_what_is_missing(world, clock, tmp_path):
    code = code_for(world, clock)
    world.enrolment = None
    with posting(world, clock) as post, pytest.raises(Unreachable, match=r"404.*earshot bridge ca init"):
        attempt(ordered(tmp_path / "box", code.text), clock(), post=post, **FACTS)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"\xff\x00", b'{"payload":"{}","proof":"00"}', b'{"payload":"x","proof":"zz"}', b"[" * 4000],
)
def test_what_is_no_request_is_refused_as_such(post, body):
    for path in ("/api/enrol", "/api/enrol/renew"):
        with pytest.raises(RefusedByBridge):
            post(URL + path, body)


def test_names_that_fit_no_certificate_get_no_code(world, clock):
    for site, box in (("n" * 40, "b" * 40), ("North", "x"), ("north", "a/b"), ("bridge", "x"), ("", None)):
        with pytest.raises(EnrolError):
            world.enrolment.make_code(site, box, "anna", clock())


@pytest.mark.parametrize(
    "url", ["ftp://x", "bridge.example", "https://", "https://x/path", "https://x:port", "https://x?a=1"]
)
def test_an_address_that_is_none_is_told(url):
    with pytest.raises(IdentityError, match="no address"):
        checked_url(url)


def test_addresses_are_taken_without_their_slash():
    assert checked_url(" https://bridge.example:8443/ ") == "https://bridge.example:8443"


class PowerCut(BaseException):
    pass


class Cut:
    """A fault point that cuts the power at its `nth` passing."""

    def __init__(self, nth):
        self.left = nth

    def __call__(self, name):
        assert name in FAULTS
        self.left -= 1
        if not self.left:
            raise PowerCut


def test_a_power_cut_at_any_step_leaves_an_enrolment_that_goes_on_by_itself(world, clock, post, tmp_path):
    """Cut number n comes at the nth fault point on the way from order to certificate; there are as many as it has."""
    (tmp_path / "boxes").mkdir()
    ends = []
    while not ends or ends[-1] == "cut":
        cut = Cut(len(ends) + 1)

        box = f"counter-{len(ends)}"
        folder = tmp_path / "boxes" / box
        order = Order(bridge_url=URL, code=code_for(world, clock, box).text, site="north", box=box)
        try:
            identity = Identity(folder, cut)
            identity.keep_order(order)
            attempt(identity, clock(), post=post, **FACTS)
            ends.append("whole")
        except PowerCut:
            ends.append("cut")
        again = Identity(folder)
        if again.order() is None and again.enrolled() is None:
            again.keep_order(order)
        attempt(again, clock(), post=post, **FACTS)
        enrolled = again.enrolled()
        assert (enrolled.box, again.order()) == (box, None)
        assert {path.name for path in folder.iterdir()} == {"key.pem", "enrolled.json", enrolled.certificate}
    assert len(ends) > 15
    with world.store.read() as connection:
        assert len(connection.execute(select(certificate)).all()) == len(ends)
        assert len(connection.execute(select(t.box)).all()) == len(ends)


def test_the_same_failure_again_is_written_once(world, clock, tmp_path):
    identity = ordered(tmp_path / "box", code_for(world, clock).text)

    def away(url, body):
        raise Unreachable("no route to host")

    for _ in range(2):
        with pytest.raises(Unreachable):
            attempt(identity, clock(), post=away, **FACTS)
        seen = (identity.folder / "trouble.json").stat().st_mtime_ns
    assert (identity.folder / "trouble.json").stat().st_mtime_ns == seen
    assert identity.trouble().reason == "no route to host"


def test_broken_files_are_told_with_the_remedy(tmp_path, world, clock, post):
    identity, _ = enrolled_box(world, clock, post, tmp_path / "box")
    identity.key_file.write_text("nonsense")
    clock.forward(300 * DAY_NS)
    with pytest.raises(IdentityError, match="is no key"):
        attempt(identity, clock(), post=post, **FACTS)
    (identity.folder / "enrolled.json").write_text("{")
    with pytest.raises(IdentityError, match="enrol anew"):
        attempt(identity, clock(), post=post, **FACTS)


def test_downloads_show_the_certificate_and_trust_the_bridge(world, clock, post, tmp_path):
    with pytest.raises(IdentityError, match="not enrolled"):
        bridge_context(Identity(tmp_path / "none"))
    identity, _ = enrolled_box(world, clock, post, tmp_path / "box")
    url, context = bridge_context(identity)
    assert url == URL
    assert context.check_hostname


def test_bundles_of_authorities_reach_the_box(world, clock, tmp_path):
    pem = world.enrolment.authority.pem
    (tmp_path / "broker.pem").write_text("# a comment\n" + pem)
    world.enrolment = type(world.enrolment)(
        world.store,
        world.enrolment.authority,
        msgspec.structs.replace(world.enrolment._told, broker_ca_file=str(tmp_path / "broker.pem")),
    )
    identity = ordered(tmp_path / "box", code_for(world, clock).text)
    with posting(world, clock) as post:
        enrolled = enrol(identity, identity.order(), post=post, **FACTS)
    assert identity.file(enrolled.broker_ca).read_text() == pem
    assert enrolled.broker_ca == f"broker-ca-{sha256(pem.encode())[:16]}.pem"
    assert enrolled.bridge_ca == ""
