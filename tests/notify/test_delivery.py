"""Delivery: a mail reaches a real server once, is tried again while it is not taken, and the log says what happened."""

import ssl

import pytest
from certificates import make_server
from smtp_server import mail_server
from sqlalchemy import insert, select, update

from cloud_bridge.config import ConfigError, Notify
from cloud_bridge.notify.carrier import Refused
from cloud_bridge.notify.channels import Channels, masked
from cloud_bridge.notify.delivery import ATTEMPTS_MAX, again, deliver_due, make_carriers, pause_ns, replay
from cloud_bridge.notify.outbox import File, NotifyError, announce, enqueue, to_account, to_address, to_channel
from cloud_bridge.store import tables_notify as t
from cloud_bridge.store.tables import user

NOW_NS = 1_800_000_000 * 10**9
SENDER = "earshot@example.org"


@pytest.fixture
def box():
    with mail_server() as made:
        yield made


def config(box, **more):
    values = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_tls": "none", "sender": SENDER} | more
    return Notify(**values)


def put(store, key="k", to=None, **more):
    values = {"subject": "Обращение", "text": "Клиент недоволен.\nПосмотрите."} | more
    with store.write() as connection:
        return enqueue(connection, key=key, to=to or to_address("anna@example.org"), now_ns=NOW_NS, **values)


def the_row(store, number=1):
    with store.read() as connection:
        return connection.execute(select(t.notification).where(t.notification.c.id == number)).one()


def attempts(store):
    with store.read() as connection:
        rows = connection.execute(select(t.notification_attempt).order_by(t.notification_attempt.c.id)).all()
    return [(row.ok, row.detail) for row in rows]


class Scripted:
    """A carrier that answers by a script."""

    def __init__(self, *script):
        self.script, self.parcels = list(script), []

    def carry(self, parcel, now_ns):
        self.parcels.append(parcel)
        answer = self.script.pop(0) if self.script else "ok"
        if isinstance(answer, BaseException):
            raise answer
        return answer


def carriers(one):
    return {"mail": one, "channel": one, "webhook": one}


def test_a_mail_reaches_its_reader_once(store, box):
    put(store, files=[File("отчёт.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK1")])
    own = make_carriers(config(box))
    for at_ns in (NOW_NS, NOW_NS, NOW_NS + 10**15):
        assert deliver_due(store, own, at_ns) is False
    ((sender, recipients, mail),) = box.mails
    assert (sender, recipients) == (SENDER, ["anna@example.org"])
    assert (mail["subject"], mail["to"], mail["auto-submitted"]) == ("Обращение", "anna@example.org", "auto-generated")
    assert mail.get_body().get_content().splitlines() == ["Клиент недоволен.", "Посмотрите."]
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("отчёт.xlsx", b"PK1")
    assert (the_row(store).state, the_row(store).sent_ns) == ("sent", NOW_NS)
    assert attempts(store) == [(True, "taken by 127.0.0.1")]


def test_tls_and_a_password_are_used_where_asked(sqlite_store, tmp_path):
    make_server(tmp_path / "tls")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "tls/server.pem", tmp_path / "tls/server.key")
    (tmp_path / "password").write_text("geheim\n")
    with mail_server(tls, ("earshot", "geheim")) as box:
        more = {"smtp_tls": "starttls", "smtp_user": "earshot", "smtp_password_file": str(tmp_path / "password")}
        put(sqlite_store)
        deliver_due(sqlite_store, make_carriers(config(box, **more)), NOW_NS)
        # The authority is not known to the system.
        assert not box.mails
        more["smtp_ca_file"] = str(tmp_path / "tls/ca.pem")
        deliver_due(sqlite_store, make_carriers(config(box, **more)), NOW_NS + pause_ns(1))
        assert len(box.mails) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in attempts(sqlite_store)[0][1]


def test_what_is_not_taken_is_tried_again_with_growing_pauses(store, box):
    put(store)
    box.answers += ["451 busy", "451 busy"]
    own = make_carriers(config(box))
    deliver_due(store, own, NOW_NS)
    assert (the_row(store).state, the_row(store).next_ns) == ("waiting", NOW_NS + pause_ns(1))
    deliver_due(store, own, NOW_NS + pause_ns(1) - 1)
    assert len(attempts(store)) == 1
    second_ns = NOW_NS + pause_ns(1)
    deliver_due(store, own, second_ns)
    assert the_row(store).next_ns == second_ns + pause_ns(2)
    assert pause_ns(2) > pause_ns(1)
    deliver_due(store, own, second_ns + pause_ns(2))
    assert [ok for ok, _ in attempts(store)] == [False, False, True]
    assert attempts(store)[0] == (False, "451 busy")
    assert len(box.mails) == 1


def test_an_address_that_does_not_exist_is_given_up_at_once_until_somebody_asks(sqlite_store, box):
    number = put(sqlite_store)
    box.answers.append("550 no such mailbox")
    own = make_carriers(config(box))
    deliver_due(sqlite_store, own, NOW_NS)
    deliver_due(sqlite_store, own, NOW_NS + 10**15)
    assert the_row(sqlite_store).state == "failed"
    assert attempts(sqlite_store) == [(False, "550 no such mailbox")]
    with sqlite_store.write() as connection:
        assert again(connection, number, NOW_NS + 10**15)
        assert not again(connection, 99, NOW_NS)
    deliver_due(sqlite_store, own, NOW_NS + 10**15)
    assert len(box.mails) == 1
    with sqlite_store.write() as connection:
        assert not again(connection, number, NOW_NS + 10**15)


def test_after_a_day_it_is_given_up(sqlite_store):
    put(sqlite_store)
    carrier = Scripted(*[Refused("no")] * 100)
    now_ns = NOW_NS
    while the_row(sqlite_store).state == "waiting":
        deliver_due(sqlite_store, carriers(carrier), now_ns)
        now_ns = the_row(sqlite_store).next_ns
    assert len(carrier.parcels) == ATTEMPTS_MAX
    assert 20 * 3600 < (now_ns - NOW_NS) / 1e9 < 30 * 3600


def test_a_process_that_dies_leaves_the_message_to_another_under_the_same_id(sqlite_store, box):
    put(sqlite_store)
    mailer = make_carriers(config(box))["mail"]

    class Dying:
        def carry(self, parcel, now_ns):
            mailer.carry(parcel, now_ns)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_due(sqlite_store, carriers(Dying()), NOW_NS)
    deliver_due(sqlite_store, carriers(mailer), NOW_NS + 60 * 10**9)
    assert len(box.mails) == 1
    deliver_due(sqlite_store, carriers(mailer), NOW_NS + 600 * 10**9)
    assert the_row(sqlite_store).state == "sent"
    one, two = (mail["message-id"] for *_, mail in box.mails)
    assert one == two
    put(sqlite_store, key="another")
    deliver_due(sqlite_store, carriers(mailer), NOW_NS + 600 * 10**9)
    assert box.mails[2][2]["message-id"] != one


def test_a_person_is_written_to_where_the_account_says(sqlite_store, box):
    row = {"role": "admin", "password_hash": "", "disabled": False, "created_ns": 1}
    with sqlite_store.write() as connection:
        connection.execute(insert(user).values(name="anna", email="old@example.org", **row))
        connection.execute(insert(user).values(name="boris", **row))
    put(sqlite_store, key="a", to=to_account(1))
    put(sqlite_store, key="b", to=to_account(2))
    with sqlite_store.write() as connection:
        connection.execute(update(user).where(user.c.id == 1).values(email="new@example.org"))
    deliver_due(sqlite_store, make_carriers(config(box)), NOW_NS)
    assert [to for _, to, _ in box.mails] == [["new@example.org"]]
    assert the_row(sqlite_store, 2).state == "failed"
    assert "no e-mail address" in attempts(sqlite_store)[1][1]


def test_without_a_mail_server_messages_wait(sqlite_store):
    put(sqlite_store)
    deliver_due(sqlite_store, make_carriers(Notify()), NOW_NS)
    assert the_row(sqlite_store).state == "waiting"
    assert "notify.smtp_host" in attempts(sqlite_store)[0][1]
    with pytest.raises(ConfigError, match=r"notify\.sender"):
        make_carriers(Notify(smtp_host="mail"))


def test_many_messages_are_delivered_round_by_round(sqlite_store):
    for n in range(25):
        put(sqlite_store, key=str(n))
    carrier = Scripted()
    rounds = 1
    while deliver_due(sqlite_store, carriers(carrier), NOW_NS):
        rounds += 1
    assert (len(carrier.parcels), rounds) == (25, 3)


def test_a_channel_is_a_service_of_the_list_and_shows_no_secret(sqlite_store):
    url = "tgram://123456789:abcdefghijklmnopqrstuvwxyz/12315544/"
    channels = Channels(("tgram", "json"))
    assert channels.check(url) == "Telegram"
    assert "abcdefghij" not in masked(url)
    assert masked("nonsense://secret@host") == "nonsense://…"
    for bad in ("slack://a/b/c", "tgram://", "/etc/passwd", "file:///etc/passwd", "tgram"):
        with pytest.raises(NotifyError):
            channels.check(bad)
    row = {"language": "en", "made_by": "me", "made_ns": 1}
    with sqlite_store.write() as connection:
        new = insert(t.notify_channel)
        connection.execute(new.values(name="dead", url="json://127.0.0.1:9/secretpath", enabled=True, **row))
        connection.execute(new.values(name="off", url=url, enabled=False, **row))
    put(sqlite_store, key="1", to=to_channel(1))
    put(sqlite_store, key="2", to=to_channel(2))
    deliver_due(sqlite_store, carriers(channels), NOW_NS)
    assert the_row(sqlite_store, 1).state == "waiting"
    assert the_row(sqlite_store, 2).state == "failed"
    (_, refused), (_, off) = attempts(sqlite_store)
    assert refused.startswith("JSON: ")
    assert "secretpath" not in refused
    assert off == "the channel is switched off"


def test_an_event_is_replayed_under_its_own_id(store):
    hook = {"name": "crm", "url": "https://crm.example/", "secret": "whsec_AAAA", "events": '["case.closed"]'}
    with store.write() as connection:
        connection.execute(insert(t.webhook).values(**hook, enabled=True, retired=False, made_by="me", made_ns=1))
        assert announce(connection, event="case.closed", key="case 7 closed", data={"case": 7}, now_ns=NOW_NS) == 1
    carrier = Scripted()
    deliver_due(store, carriers(carrier), NOW_NS)
    with store.write() as connection:
        second = replay(connection, 1, NOW_NS + 5)
    with store.write() as connection:
        assert replay(connection, second, NOW_NS + 5) not in {None, second}
        assert replay(connection, 99, NOW_NS) is None
    deliver_due(store, carriers(carrier), NOW_NS + 5)
    assert len(carrier.parcels) == 3
    assert {(one.id, one.text) for one in carrier.parcels} == {
        ("case_7_closed_webhook_1", '{"type":"case.closed","data":{"case":7}}')
    }
