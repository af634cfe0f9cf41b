"""The trust store: who adds what with which basis, and what an examination then says of a signer."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from archive import trust
from archive.errors import NotAllowed, WrongInput
from archive.inspection.examine import examine
from archive.models import Event, TrustedRoot
from archive.permissions import Actor
from config.doctor import trust as doctor_trust
from tests.bags import bag_files, pdf, zipped
from tests.pages import reader, text

pytestmark = pytest.mark.django_db
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def certificate(name, key, *, issuer=None, issuer_key=None, ca=False, until=NOW + 30 * DAY):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer.subject if issuer else subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - 300 * DAY,
        not_valid_after=until,
    ).add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(issuer_key or key, hashes.SHA256())


@pytest.fixture(scope="module")
def keys():
    return ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def root(keys):
    return certificate("省数字证书中心", keys[0], ca=True)


@pytest.fixture(scope="module")
def signer(keys, root):
    return certificate("东莞社保业务系统", keys[1], issuer=root, issuer_key=keys[0])


def acting(role):
    return Actor.of(reader(role).user)


@pytest.fixture
def keeper():
    return acting("secadmin")


def test_a_root_is_trusted_with_its_basis_and_once(keeper, root, fence):
    for _ in range(2):
        trust.add(root.public_bytes(PEM), basis="省局〔2020〕3 号", fence=fence, actor=keeper)
    assert TrustedRoot.objects.get().name == "省数字证书中心" and len(trust.roots()) == 1
    assert [event.action for event in Event.objects.filter(subject="trust")] == ["trust.added"]


@pytest.mark.parametrize("role", ["archivist", "manager", "sysadmin", "auditor"])
def test_nobody_but_the_security_administrator_decides_whom_to_trust(role, root, fence):
    with pytest.raises(NotAllowed):
        trust.add(root.public_bytes(DER), basis="x", fence=fence, actor=acting(role))
    assert trust.roots() == []


def test_without_a_basis_nothing_is_trusted(keeper, root, fence):
    with pytest.raises(WrongInput):
        trust.add(root.public_bytes(DER), basis="  ", fence=fence, actor=keeper)
    assert trust.roots() == []


def test_a_file_with_one_bad_certificate_brings_none_in(keeper, root, signer, keys, fence):
    over = certificate("旧中心", keys[0], ca=True, until=NOW - DAY)
    for content, word in [
        (root.public_bytes(PEM) + signer.public_bytes(PEM), "不是签发机构"),
        (root.public_bytes(PEM) + over.public_bytes(PEM), "失效"),
        (b"no certificate", "不是可读的证书"),
        (b"", "不是可读的证书"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "不是可读的证书"),
    ]:
        with pytest.raises(WrongInput, match=word):
            trust.add(content, basis="x", fence=fence, actor=keeper)
    assert trust.roots() == []


def test_what_is_removed_is_trusted_no_longer_and_stays_on_record(keeper, root, fence):
    (row,) = trust.add(root.public_bytes(DER), basis="x", fence=fence, actor=keeper)
    with pytest.raises(WrongInput):
        trust.withdraw(row.pk, reason="", actor=keeper)
    trust.withdraw(row.pk, reason="密钥泄露", actor=keeper)
    trust.withdraw(row.pk, reason="again", actor=keeper)
    assert trust.roots() == [] and TrustedRoot.objects.get().removed_reason == "密钥泄露"
    trust.add(root.public_bytes(DER), basis="重新启用", fence=fence, actor=keeper)
    assert len(trust.roots()) == 1


@pytest.mark.parametrize(("left", "state"), [(200, "ok"), (60, "warning"), (-3, "warning")])
def test_doctor_warns_before_a_root_runs_out(keys, root, keeper, fence, left, state, monkeypatch):
    far = certificate("远期中心", keys[1], ca=True, until=NOW + 4000 * DAY)
    soon = certificate("近期中心", keys[0], ca=True, until=NOW + 300 * DAY)
    for one in (far, soon):
        trust.add(one.public_bytes(DER), basis="x", fence=fence, actor=keeper)
    monkeypatch.setattr(doctor_trust.timezone, "now", lambda: NOW + (300 - left) * DAY)
    (part,) = doctor_trust.trusted_roots()
    assert part.state == state and (state == "ok" or "近期中心" in part.message and part.remedy)


def test_doctor_says_that_nobody_is_trusted():
    (part,) = doctor_trust.trusted_roots()
    assert part.state == "absent" and part.message


def declared_and_signed(signer, key, tmp_path, *, change=b""):
    submission = {"format": "archive-submission/1", "materials": []}
    files = bag_files({"a.pdf": pdf("Zhang San")}, submission=submission)
    signing = pkcs7.PKCS7SignatureBuilder().set_data(files["submission.json"] + change)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    files["submission.json.p7s"] = signing.add_signer(signer, key, hashes.SHA256()).sign(DER, options)
    return zipped(files, tmp_path / "p.zip")


def said(path, fence, trusted, **facts):
    found = examine(path, fence, facts={"trusted": trusted, **facts}, all_findings=True)["findings"]
    return {f["rule"]: f["verdict"] for f in found if f["file"] == "submission.json.p7s"}


def test_integrity_trust_and_time_of_a_signature_are_told_apart(keys, root, signer, fence, tmp_path):
    path = declared_and_signed(signer, keys[1], tmp_path)
    roots = trust.read(root.public_bytes(DER), fence)
    others = trust.read(certificate("别的中心", keys[1], ca=True).public_bytes(DER), fence)
    held = {"签名完整性": "passed", "签名时间": "not-run"}
    assert said(path, fence, [roots[0]["der"]]) == held | {"签名人可信": "passed"}
    assert said(path, fence, [others[0]["der"]]) == held | {"签名人可信": "warning"}
    assert said(path, fence, []) == held | {"签名人可信": "not-run"}


def test_a_declaration_changed_after_signing_fails(keys, root, signer, fence, tmp_path):
    path = declared_and_signed(signer, keys[1], tmp_path, change=b" ")
    roots = trust.read(root.public_bytes(DER), fence)
    assert said(path, fence, [roots[0]["der"]]) == {"签名完整性": "failed"}


def test_the_page_takes_a_root_in_and_shows_it(root, keeper):
    client = reader("secadmin")
    file = SimpleUploadedFile("root.pem", root.public_bytes(PEM))
    assert client.post("/trust/", {"file": file, "basis": "省局〔2020〕3 号"}).status_code == 302
    page = text(client.get("/trust/"))
    assert "省数字证书中心" in page and "省局〔2020〕3 号" in page
    row = TrustedRoot.objects.get()
    assert client.post(f"/trust/{row.pk}/remove/", {"reason": "停止服务"}).status_code == 302
    assert "曾经信任" in text(client.get("/trust/"))


def test_the_page_says_why_a_file_is_no_root(keeper):
    client = reader("secadmin")
    answer = client.post("/trust/", {"file": SimpleUploadedFile("a.pem", b"x"), "basis": "y"})
    assert answer.status_code == 422 and "不是可读的证书" in text(answer)


# Lists of revoked certificates


def revoked(root, key, *serials, since=NOW - 2 * DAY, until=NOW + 5 * DAY):
    builder = x509.CertificateRevocationListBuilder(root.subject, since, until)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(DER)


@pytest.fixture
def trusting(keeper, root, fence):
    (row,) = trust.add(root.public_bytes(DER), basis="x", fence=fence, actor=keeper)
    return row


def test_the_newest_list_of_a_root_is_held_and_the_event_says_what_it_is(trusting, root, keys, keeper, fence):
    trust.add_list(revoked(root, keys[0], 5), fence=fence, actor=keeper)
    trust.add_list(revoked(root, keys[0], 5, 6, since=NOW - DAY), fence=fence, actor=keeper)
    with pytest.raises(WrongInput, match="已有更新"):
        trust.add_list(revoked(root, keys[0]), fence=fence, actor=keeper)
    ((name, one),) = trust.lists()
    assert (name, one["count"], set(one["entries"])) == ("省数字证书中心", 2, {"5", "6"})
    events = Event.objects.filter(action="trust.list_added").order_by("pk")
    assert [event.data["count"] for event in events] == [1, 2]
    trust.withdraw(trusting.pk, reason="停止服务", actor=keeper)
    assert trust.lists() == [] and trust.revocations() == {}


def test_a_list_needs_its_authority_in_the_store_and_the_right_to_keep_it(root, keys, keeper, fence):
    content = revoked(root, keys[0])
    with pytest.raises(WrongInput, match="信任库"):
        trust.add_list(content, fence=fence, actor=keeper)
    with pytest.raises(NotAllowed):
        trust.add_list(content, fence=fence, actor=acting("archivist"))


@pytest.mark.parametrize(("left", "state"), [(5, "ok"), (-1, "warning")])
def test_doctor_says_that_a_list_has_run_out(keys, keeper, fence, left, state):
    far = certificate("远期中心", keys[0], ca=True, until=NOW + 4000 * DAY)
    trust.add(far.public_bytes(DER), basis="x", fence=fence, actor=keeper)
    trust.add_list(revoked(far, keys[0], until=NOW + left * DAY), fence=fence, actor=keeper)
    part, *_ = doctor_trust.trusted_roots()
    assert part.state == state and ("吊销列表" in part.message) == (state == "warning")


def test_what_a_revoked_certificate_signs_fails_in_the_examination(
    trusting, keys, root, signer, keeper, fence, tmp_path
):
    path = declared_and_signed(signer, keys[1], tmp_path)
    for serials, verdict in [((), "passed"), ((signer.serial_number,), "failed")]:
        content = revoked(root, keys[0], *serials, since=NOW - DAY)
        trust.add_list(content, fence=fence, actor=keeper)
        assert said(path, fence, trust.roots(), revocations=trust.revocations)["证书未被吊销"] == verdict


def test_the_command_line_asks_the_lists_of_the_site_too(
    trusting, keys, root, signer, keeper, fence, tmp_path, capsys
):
    path = declared_and_signed(signer, keys[1], tmp_path)
    trust.add_list(revoked(root, keys[0], signer.serial_number, since=NOW - DAY), fence=fence, actor=keeper)
    with pytest.raises(SystemExit):
        call_command("examine", str(path))
    assert "UTC 被吊销" in capsys.readouterr().out


def test_the_page_takes_a_list_in_and_shows_it(trusting, root, keys):
    client = reader("secadmin")
    file = SimpleUploadedFile("a.crl", revoked(root, keys[0], 5, 6, 7))
    assert client.post("/trust/revoked/", {"revoked": file}).status_code == 302
    assert "已更新“省数字证书中心”的吊销列表，共吊销 3 张证书" in text(client.get("/trust/"))
    answer = client.post("/trust/revoked/", {"revoked": SimpleUploadedFile("a.crl", b"x")})
    assert answer.status_code == 422 and "不是可读的吊销列表" in text(answer)
