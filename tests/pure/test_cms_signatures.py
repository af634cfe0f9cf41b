"""Signatures and time stamps that lie beside a declaration: each signer and each stamp gets its own answer."""

import base64
import shutil
import subprocess

import pytest
from asn1crypto import cms, tsp

from archive.inspection.probes import der
from tests import signed_pdf as world
from tests import signing_sm2 as national
from tests.signed_pdf import DAY, NOW, Person, detached, person, root, stamp, stamping

CONTENT = '{"format": "archive-submission/1", "title": "参保登记"}'.encode()


@pytest.fixture
def look(fence, tmp_path):
    def look(value, *, content=CONTENT, roots=None, function="verify_detached") -> list[dict]:
        (tmp_path / "submission.json").write_bytes(content)
        (tmp_path / "value").write_bytes(value)
        trusted = [root(), national.root()] if roots is None else roots
        encoded = [base64.b64encode(who.der).decode() for who in trusted]
        paths = {"content": str(tmp_path / "submission.json"), "value": str(tmp_path / "value")}
        return fence.call(function, **paths, trusted=encoded)["signed"]

    return look


@pytest.fixture
def stamped(look):
    def stamped(value, **options) -> dict:
        (fact,) = look(value, function="verify_stamp", **options)
        return fact

    return stamped


def said(facts):
    return [(fact["integrity"], fact["trust"]) for fact in facts]


def attached(content):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import pkcs7

    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(person().pyca, person().key, hashes.SHA256())
    return builder.sign(world.DER, [pkcs7.PKCS7Options.Binary])


HOLDS = {
    "RSA": lambda: detached(CONTENT, person("甲", "rsa")),
    "ECDSA": lambda: detached(CONTENT, person("乙")),
    "the content inside": lambda: attached(CONTENT),
    "SM2": lambda: national.signed_data(CONTENT, national.signer()),
    "SM2 with attributes": lambda: national.signed_data(CONTENT, national.signer(), attributes=True),
    "SM2 with the content inside": lambda: national.signed_data(
        CONTENT, national.signer(), inner=CONTENT, over=CONTENT
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOLDS)
def test_what_the_sender_signed_holds_and_one_other_byte_breaks_it(look, kind):
    assert said(look(HOLDS[kind]())) == [("intact", "trusted")]
    assert said(look(HOLDS[kind](), content=CONTENT + b" ")) == [("broken", "unknown")]


def test_each_of_several_signers_has_an_answer_of_his_own(look):
    stranger = Person("别处的人")
    facts = look(detached(CONTENT, person("甲", "rsa"), stranger))
    assert sorted((fact["signer"], fact["trust"]) for fact in facts) == [
        ("别处的人", "untrusted"),
        ("甲", "trusted"),
    ]
    facts = look(national.signed_data(CONTENT, national.signer(), national.maker()))
    assert said(facts) == [("intact", "trusted")] * 2 and len({fact["signer"] for fact in facts}) == 2


def test_one_wrong_signer_is_not_hidden_by_a_right_one(look):
    info = cms.ContentInfo.load(detached(CONTENT, person("甲", "rsa"), person("乙")))
    values = info["content"]["signer_infos"]
    values[1]["signature"] = bytes(reversed(values[1]["signature"].native))
    assert sorted(said(look(info.dump(force=True))))[0][0] != "intact"
    wrong = national.Person(
        national.Key(99), *(getattr(national.maker(), n) for n in ("der", "name", "serial"))
    )
    assert said(look(national.signed_data(CONTENT, national.signer(), wrong))) == [("broken", "unknown")]


def without_signers():
    info = cms.ContentInfo.load(detached(CONTENT, person()))
    info["content"]["signer_infos"] = []
    return info.dump(force=True)


def with_another_content_inside():
    info = cms.ContentInfo.load(detached(CONTENT, person()))
    info["content"]["encap_content_info"] = {"content_type": "data", "content": b"another"}
    return info.dump(force=True)


def test_a_signature_that_shows_another_content_than_it_signs_is_broken(look):
    assert said(look(with_another_content_inside())) == [("broken", "unknown")]


NOTHING = {
    "no signer": without_signers,
    "no signer by SM2": lambda: national.signed_data(CONTENT),
    "nothing": lambda: b"",
    "a text": lambda: "签名".encode(),
    "a sequence of nothing": lambda: national.seq(),
    "too long a length": lambda: b"\x30\x84\xff\xff\xff\xff",
    "open ends within open ends": lambda: b"\x30\x80" * 100_000,
    "another kind of content": lambda: national.seq(national.oid("1.2.840.113549.1.7.1"), national.tlv(0xA0, b"\x04\x00")),
    "something behind it": lambda: detached(CONTENT, person()) + b"x",
}  # fmt: skip


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_no_signature_is_said_to_be_none(look, kind):
    (fact,) = look(NOTHING[kind]())
    assert fact["integrity"] == "broken" and fact["why"]


def test_a_signature_of_more_than_four_megabytes_is_not_read(look):
    (fact,) = look(detached(CONTENT, person()).ljust((4 << 20) + 1, b"\0"))
    assert fact["integrity"] == "unknown" and "4 MB" in fact["why"]


def test_more_signers_than_anybody_has_are_not_all_verified(look):
    (fact,) = look(national.signed_data(CONTENT, *[national.signer()] * 30))
    assert fact["integrity"] == "unknown" and "20" in fact["why"]


def deep(levels=3000):
    body = b""
    for _ in range(levels):
        body = national.seq(body)
    return body


BOMBS = {
    "deep": lambda: national.seq(national.oid("1.2.840.113549.1.7.2"), national.tlv(0xA0, deep())),
    "deep inside": lambda: national.seq(
        national.oid("1.2.840.113549.1.7.2"),
        national.tlv(0xA0, national.seq(national.number(1), national.set_of(), deep(), national.set_of(deep()))),
    ),
    "a million parts": lambda: national.seq(
        national.oid(national.SIGNED_DATA), national.tlv(0xA0, national.seq(b"\x02\x01\x01" * 1_000_000))
    ),
    "an object id of a megabyte": lambda: national.seq(national.tlv(6, b"\xff" * 1_000_000 + b"\x01"), national.tlv(0xA0)),
    "no object id": lambda: national.seq(national.tlv(6), national.tlv(0xA0, national.seq())),
    "a hundred and one certificates": lambda: national.signed_data(
        CONTENT, national.signer(), certificates=(national.signer(),) * 101
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_a_finding(look, kind):
    (fact,) = look(BOMBS[kind]())
    assert fact["integrity"] != "intact" and fact["why"]


NUMBERS = {
    "r is zero": (0, 5), "s is zero": (5, 0), "negative": (-5, 5), "r is the order": (national.sm2.N, 5),
    "s is the order": (5, national.sm2.N), "together the order": (5, national.sm2.N - 5), "huge": (1 << 8000, 5),
}  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_out_of_range_sign_nothing(look, kind):
    class Forger(national.Key):
        def sign(self, message):
            return national.seq(*map(national.number, NUMBERS[kind]))

    known = national.signer()
    forger = national.Person(Forger(known.serial), known.der, known.name, known.serial)
    assert said(look(national.signed_data(CONTENT, forger))) == [("broken", "unknown")]


POINTS = {
    "off the curve": {"point": b"\x04" + b"\x01" * 64}, "zero": {"point": b"\x04" + bytes(64)},
    "short": {"point": b"\x04" + b"\x01" * 10}, "none": {"point": b""},
    "compressed": {"point": b"\x02" + bytes(32)}, "of another curve": {"curve": "1.2.840.10045.3.1.7"},
}  # fmt: skip


@pytest.mark.parametrize("kind", POINTS)
def test_a_key_that_is_none_verifies_nothing(look, kind):
    who = national.person("怪钥", 50, national.root(), **POINTS[kind])
    (fact,) = look(national.signed_data(CONTENT, who))
    assert fact["integrity"] != "intact" and fact["why"]


def test_a_point_beside_the_curve_of_which_anybody_knows_the_multiples_verifies_nothing(look):
    """Its double is nothing: whoever uses it as key can compute a signature without any secret."""

    class Forger(national.Key):
        def __init__(self, seed):
            super().__init__(seed)
            self.public = (1).to_bytes(32, "big") + bytes(32)

        def sign(self, message):
            curve = b"".join(
                n.to_bytes(32, "big")
                for n in (national.sm2.A, national.sm2.B, national.sm2.GX, national.sm2.GY)
            )
            z = national.sm2.sm3(b"\0\x80" + national.sm2.DEFAULT_ID + curve + self.public)
            e, s = int.from_bytes(national.sm2.sm3(z + message), "big"), 1
            while True:
                x = int(self.engine._kg(s, self.engine.ecc_table["g"])[:64], 16)
                r = (e + x) % national.sm2.N
                if (r + s) % national.sm2.N % 2 == 0:
                    return national.seq(national.number(r), national.number(s))
                s += 1

    who = national.person("怪钥", 51, national.root(), point=b"\x04" + (1).to_bytes(32, "big") + bytes(32))
    forger = national.Person(Forger(51), who.der, who.name, who.serial)
    assert said(look(national.signed_data(CONTENT, forger))) == [("broken", "unknown")]


# Time stamps


def test_a_time_stamp_holds_as_token_and_as_whole_reply(stamped):
    reply = stamp(CONTENT, stamping(NOW - 3 * DAY))
    token = tsp.TimeStampResp.load(reply)["time_stamp_token"].dump()
    for value in (reply, token):
        fact = stamped(value)
        assert (fact["integrity"], fact["trust"], fact["time_kind"]) == ("intact", "trusted", "stamped")
        assert fact["time"] == (NOW - 3 * DAY).isoformat() and fact["signer"] == "时间戳服务"


def test_a_time_stamp_over_another_content_is_broken(stamped):
    assert stamped(stamp(CONTENT), content=CONTENT + b" ")["integrity"] == "broken"


def test_a_time_stamp_by_nobody_we_trust_is_told_apart_from_a_broken_one(stamped):
    assert said([stamped(stamp(CONTENT), roots=[Person("别的中心", ca=True)])]) == [("intact", "untrusted")]
    assert said([stamped(stamp(CONTENT), roots=[])]) == [("intact", "unknown")]


def test_a_stamp_stays_good_when_its_service_has_run_out(stamped):
    service = stamping(NOW - 20 * DAY, "停业的时间戳服务", NOW - 10 * DAY)
    assert said([stamped(stamp(CONTENT, service))]) == [("intact", "trusted")]


def test_a_time_stamp_by_sm2_holds_as_token_and_as_whole_reply(stamped):
    for kind in (national.SIGNED_DATA, "1.2.840.113549.1.7.2"):
        token = national.time_stamp(CONTENT, national.stamping(), kind=kind)
        for value in (token, national.seq(national.seq(national.number(0)), token)):
            fact = stamped(value)
            assert (fact["integrity"], fact["trust"], fact["time_kind"]) == ("intact", "trusted", "stamped")
            assert (fact["time"], fact["signer"]) == ("2025-06-19T00:00:00+00:00", "国密时间戳服务")
            assert stamped(value, content=CONTENT + b" ")["integrity"] == "broken"
    assert said([stamped(token, roots=[root()])]) == [("intact", "untrusted")]


def test_who_may_not_stamp_stamps_nothing_by_sm2_either(stamped):
    fact = stamped(national.time_stamp(CONTENT, national.signer()))
    assert said([fact]) == [("intact", "untrusted")] and "时间戳" in fact["trust_why"]
    fact = stamped(national.time_stamp(CONTENT, national.stamping(), content_type=national.DATA))
    assert fact["integrity"] == "unknown" and fact["why"]


def test_a_time_stamp_by_sm2_with_one_byte_turned_is_broken(stamped):
    token = national.time_stamp(CONTENT, national.stamping())
    assert stamped(token[:-1] + bytes([token[-1] ^ 1]))["integrity"] == "broken"


def test_a_signature_by_sm2_may_carry_its_time_stamp(look):
    stamp = lambda value: national.time_stamp(value, national.stamping())  # noqa: E731
    (fact,) = look(national.signed_data(CONTENT, national.signer(), stamp=stamp))
    assert (fact["time_kind"], fact["time"]) == ("stamped", "2025-06-19T00:00:00+00:00")


def test_a_signature_of_a_person_is_no_time_stamp(stamped):
    assert stamped(detached(CONTENT, person()))["integrity"] != "intact"


def refused():
    """A reply without a token: the service declined."""
    return national.seq(national.seq(national.number(2)))


@pytest.mark.parametrize(
    "value", [b"", b"x", b"\x30\x00", deep(), b"\x30\x80" * 1000, refused(), stamp(CONTENT)[:-40]]
)
def test_what_is_no_time_stamp_is_said_to_be_none(stamped, value):
    fact = stamped(value)
    assert fact["integrity"] == "broken" and fact["why"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sm3"])
def test_a_stamp_of_another_maker_holds_whatever_its_digest(stamped, tmp_path, algorithm):
    service = Person("别家的时间戳服务", root(), kind="rsa", stamps=True)
    from cryptography.hazmat.primitives import serialization

    pem = serialization.Encoding.PEM
    key = service.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "tsa.pem").write_bytes(service.pyca.public_bytes(pem))
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\n"
        "digests = sha256, sha512, sm3\nsigner_cert = tsa.pem\nsigner_key = key.pem\ness_cert_id_alg = sha256\n"
    )
    (tmp_path / "content").write_bytes(CONTENT)
    run = {"cwd": tmp_path, "check": True, "capture_output": True}
    query = ["ts", "-query", "-data", "content", f"-{algorithm}", "-cert", "-no_nonce", "-out", "query"]
    subprocess.run(["openssl", *query], **run)
    subprocess.run(
        ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"], **run
    )
    reply = (tmp_path / "reply").read_bytes()
    assert said([stamped(reply)]) == [("intact", "trusted")]
    assert stamped(reply, content=b"other")["integrity"] == "broken"


def test_random_bytes_in_octets_that_look_like_an_object_id_are_no_bomb():
    """The value of a signature is random: one in a few hundred begins like an object id of a hundred bytes."""
    der.check(b"\x04\x82\x01\x00" + b"\x06\x7f" + bytes(254))
    with pytest.raises(ValueError):
        der.check(b"\x04\x83\x01\x00\x05" + b"\x06\x83\x01\x00\x00" + b"\x81" * 65536)
