"""What sound signatures are worth: at every level, with and without anchors, revoked, expired; and told in words."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

from archive_service.errors import Misconfigured
from archive_service.model.signature_words import reasons
from archive_service.model.signatures import (
    Changes,
    Coverage,
    Indication,
    Level,
    SeenKind,
    SignatureKind,
    SignatureReport,
    SignatureVerdict,
    SubIndication,
)
from archive_service.pdf.reader import Limits, SandboxedPdfReader, TrustFolders
from tests.pdf import documents as make
from tests.pdf.signing import NOW, How, agency, agency_root, sign, stamp_root

Check = Callable[..., SignatureReport]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> TrustFolders:
    place = tmp_path_factory.mktemp("trust")
    return TrustFolders(
        str(agency_root().trusted_in(place / "agencies")), str(stamp_root().trusted_in(place / "stamps"))
    )


@pytest.fixture(scope="module")
def trusting(folders: TrustFolders) -> Iterator[SandboxedPdfReader]:
    opened = SandboxedPdfReader(Limits(), trust=folders)
    yield opened
    opened.close()


@pytest.fixture
def check(trusting: SandboxedPdfReader, tmp_path: Path) -> Check:
    def of(content: bytes, at: dt.datetime = NOW) -> SignatureReport:
        path = tmp_path / "signed.pdf"
        path.write_bytes(content)
        return trusting.check_signatures(path, at)

    return of


@pytest.mark.parametrize("level", Level)
def test_a_sound_signature_of_every_level_passes_and_says_its_level(check: Check, level: Level) -> None:
    report = check(sign(make.sound(), How(level=level)))
    assert report.verdict is SignatureVerdict.VALID
    first = report.signatures[0]
    assert (first.indication, first.sub_indication, first.level) == (Indication.PASSED, None, level)
    assert first.coverage in (Coverage.WHOLE_FILE, Coverage.WHOLE_REVISION)
    assert first.changes in (Changes.NONE, Changes.ARCHIVAL)
    assert first.signer is not None
    assert "Đà Nẵng" in first.signer
    assert (first.stamped_at is not None) is (level is not Level.B_B)
    assert first.claimed_at is not None
    assert [code for code, _ in reasons(first)] == ["passed"]
    kinds = [signature.kind for signature in report.signatures]
    assert kinds.count(SignatureKind.TIME_STAMP) == (level is Level.B_LTA)


def test_the_report_keeps_the_certificates_of_the_path_and_the_revocation_data_seen(check: Check) -> None:
    report = check(sign(make.sound(), How(level="B-LT")))
    seen = {one.sha256: one for one in report.seen}
    assert set(report.signatures[0].path) <= set(seen)
    assert len(report.signatures[0].path) == 2
    assert {one.kind for one in report.seen} == {SeenKind.CERTIFICATE, SeenKind.CRL}
    assert all(one.der is not None and hashlib.sha256(one.der).hexdigest() == one.sha256 for one in report.seen)
    assert len(report.agency_anchors) == len(report.time_stamp_anchors) == 1
    assert report.validator.startswith("pyHanko ")


def test_without_anchors_nothing_is_trusted_and_the_report_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(sign(make.sound()))
    reader = SandboxedPdfReader(Limits())
    report = reader.check_signatures(path, NOW)
    reader.close()
    [signature] = report.signatures
    assert report.verdict is SignatureVerdict.UNTRUSTED
    assert signature.indication is Indication.INDETERMINATE
    assert signature.sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    [(_, told)] = reasons(signature)
    assert "ARCHIVE_AGENCY_TRUST_DIR" in told.en
    assert "ARCHIVE_AGENCY_TRUST_DIR" in told.vi


def test_an_authority_for_time_stamps_vouches_for_no_signature(check: Check) -> None:
    by_stamps = stamp_root().issue("Người ký")
    assert check(sign(make.sound(), How(by=by_stamps))).verdict is SignatureVerdict.UNTRUSTED


def test_an_expired_certificate_without_a_time_stamp_leaves_it_open_when_it_was_signed(check: Check) -> None:
    expired = agency_root().issue("Đã hết hạn", until=NOW - dt.timedelta(days=1))
    report = check(sign(make.sound(), How(by=expired)))
    assert report.verdict is SignatureVerdict.UNDECIDED
    assert report.signatures[0].sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE


def test_time_stamped_validation_data_outlive_the_certificate(check: Check) -> None:
    signed = sign(make.sound(), How(level="B-LTA"))
    later = NOW + dt.timedelta(days=366)  # the certificate has ended; the authorities' own have not
    report = check(signed, later)
    assert report.signatures[0].verdict is SignatureVerdict.VALID


def test_a_certificate_that_names_a_list_needs_one(check: Check) -> None:
    listed = agency_root().issue("Có CRL", list_at="http://127.0.0.1:9/crl")
    report = check(sign(make.sound(), How(by=listed)))
    assert report.verdict is SignatureVerdict.UNDECIDED
    assert report.signatures[0].sub_indication is SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE
    assert "ARCHIVE_CRL_DIR" in reasons(report.signatures[0])[0][1].en


def test_a_list_in_the_folder_tells_revoked_from_good(folders: TrustFolders, tmp_path: Path) -> None:
    revoked = agency_root().issue("Bị thu hồi")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "agency.crl").write_bytes(agency_root().revocation_list(revoked))
    reader = SandboxedPdfReader(Limits(), trust=TrustFolders(folders.agency_dir, folders.tsa_dir, str(lists)))
    verdicts = {}
    for name, holder in (("good", agency()), ("revoked", revoked)):
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(sign(make.sound(), How(by=holder)))
        verdicts[name] = reader.check_signatures(path, NOW)
    reader.close()
    assert verdicts["good"].verdict is SignatureVerdict.VALID
    assert verdicts["revoked"].verdict is not SignatureVerdict.VALID
    assert verdicts["revoked"].signatures[0].sub_indication is SubIndication.REVOKED_NO_POE


def test_a_change_in_the_trust_folder_takes_effect_with_the_next_document(tmp_path: Path) -> None:
    agencies = tmp_path / "agencies"
    agencies.mkdir()
    path = tmp_path / "signed.pdf"
    path.write_bytes(sign(make.sound()))
    reader = SandboxedPdfReader(Limits(), trust=TrustFolders(str(agencies)))
    before = reader.check_signatures(path, NOW)
    agency_root().trusted_in(agencies)
    after = reader.check_signatures(path, NOW)
    reader.close()
    assert (before.verdict, after.verdict) == (SignatureVerdict.UNTRUSTED, SignatureVerdict.VALID)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x03"]
)
def test_a_trust_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "agencies").mkdir()
    (tmp_path / "agencies" / "broken.pem").write_bytes(content)
    path = tmp_path / "signed.pdf"
    path.write_bytes(make.signed(make.sound()))
    reader = SandboxedPdfReader(Limits(), trust=TrustFolders(str(tmp_path / "agencies")))
    with pytest.raises(Misconfigured, match=r"broken\.pem") as told:
        reader.check_signatures(path, NOW)
    reader.close()
    assert told.value.code == "trust-not-readable"


def test_all_signatures_count_and_the_worst_decides(check: Check) -> None:
    stranger = stamp_root().issue("Người lạ")
    both = sign(sign(make.sound()), How(by=stranger, field="Second"))
    report = check(both)
    assert [one.verdict for one in report.signatures] == [SignatureVerdict.VALID, SignatureVerdict.UNTRUSTED]
    assert report.verdict is SignatureVerdict.UNTRUSTED
    assert check(sign(sign(make.sound()), How(field="Second"))).verdict is SignatureVerdict.VALID


def test_a_signature_that_permits_no_change_says_so(check: Check) -> None:
    report = check(sign(make.sound(), How(permissions=MDPPerm.NO_CHANGES)))
    assert report.verdict is SignatureVerdict.VALID
    assert report.signatures[0].permission == 1


def test_an_older_kind_of_signature_has_no_level(check: Check) -> None:
    report = check(sign(make.sound(), How(sub_filter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)))
    assert report.verdict is SignatureVerdict.VALID
    assert report.signatures[0].level is None


def test_what_the_library_cannot_read_at_all_is_unreadable_and_not_called_altered(check: Check) -> None:
    """An illegal header stops the library; the second look still finds the signature."""
    signed = sign(make.sound())
    report = check(b"%PDF-x.y" + signed[8:])
    assert report.verdict is SignatureVerdict.UNREADABLE
    assert [one.field for one in report.signatures] == ["ChuKySo"]


def test_a_check_that_is_cut_short_is_no_pass(tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    # Longer than what a process has left of memory without asking for more.
    path.write_bytes(sign(make.sound()) + b" " * (1 << 20))
    reader = SandboxedPdfReader(Limits(memory_bytes=1 << 20))
    report = reader.check_signatures(path, NOW)
    reader.close()
    assert report.signatures == ()
    assert report.verdict is SignatureVerdict.UNREADABLE


def test_no_server_for_signatures_is_started_before_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "plain.pdf"
    path.write_bytes(make.sound())
    before = _children()
    reader = SandboxedPdfReader(Limits())
    examined = reader.examine(path, NOW)
    started = [Path(f"/proc/{child}/cmdline").read_bytes() for child in _children() - before]
    reader.close()
    assert examined.report is None
    assert len(started) == 1
    assert b"archive_service.pdf.tasks" in started[0]


def _children() -> set[str]:
    threads = Path("/proc/self/task").iterdir()
    return {child for thread in threads for child in (thread / "children").read_text(encoding="ascii").split()}
