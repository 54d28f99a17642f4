"""Signatures found in the bytes of a PDF and computed again: those of other makers, and every kind of arithmetic."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.pdf_signatures import check_signature, find_signatures
from tests.packages import SigningKey, SmallArchive, make_agency, plain_pdf, signed_pdf

# What is found in files of pyHanko's tests: "whole" covers the file, "part" does not, "stamp" is a time-stamp.
FOUND = {
    "certified-with-indirect-refs-in-dir.pdf": ["whole"],
    "ed448-disallowed-hash.pdf": ["whole"],
    "ed448-shake256-nolen.pdf": ["Refused"],  # a hash function that nothing here rests on
    "extensions-direct.pdf": ["part", "whole"],
    "form-update-override-appearance-stream-sneaky.pdf": ["part", "whole"],
    "minimal-signed-twice-both-created.pdf": ["part", "whole"],
    "pades-lta-dss-indirect-arrs-test.pdf": ["part", "stamp"],
    "pades-lta-dss-indirect-arrs-test-2.pdf": ["part", "stamp", "part"],
    "pades-with-old-style-signing-cert-attr.pdf": ["whole"],
    "pdf-sig-with-econtent.pdf": ["Undecided"],
    "sig-no-signed-attrs.pdf": ["Undecided"],
    "sig-with-ski-sid.pdf": ["whole"],
    "signed-encrypted-pubkey-with-catalog-ref.pdf": ["whole"],
    "tail-uncovered.pdf": ["part"],
    "base.pdf": ["Malformed"],  # a place for a signature that was never made
    "one-byterange.pdf": ["Malformed"],
    "signature-gap-too-big.pdf": ["Malformed"],
    "weird-byterange.pdf": ["Refused"],
    "minimal.pdf": [],
}


def found_in(pdf: bytes) -> list[str]:
    view = memoryview(pdf)
    told = []
    try:
        for signature in find_signatures(view):
            try:
                checked = check_signature(view, signature)
            except (Refused, Undecided) as refused:
                told.append(type(refused).__name__)
            else:
                told.append("stamp" if checked.is_time_stamp else "whole" if signature.end == len(pdf) else "part")
    except (Refused, Undecided) as refused:
        told.append(type(refused).__name__)
    return told


@pytest.mark.parametrize(("name", "found"), FOUND.items(), ids=lambda one: one if isinstance(one, str) else "")
def test_signatures_of_another_maker_are_found_and_hold(shared_data: Path, name: str, found: list[str]) -> None:
    assert found_in((shared_data / "pdf" / "signed" / name).read_bytes()) == found


def test_no_pdf_makes_anything_else_escape_than_a_verdict(shared_data: Path) -> None:
    told = Counter(
        one
        for folder in ("signed", "damaged", "odd", "ordinary")
        for path in sorted((shared_data / "pdf" / folder).iterdir())
        if path.is_file()
        for one in found_in(path.read_bytes())
    )
    assert told["whole"] > 10


@pytest.mark.parametrize(
    ("make_key", "digest", "pss"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), "sha256", False),
        (lambda: rsa.generate_private_key(65537, 2048), "sha512", True),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "sha256", False),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "sha384", False),
        (Ed25519PrivateKey.generate, "sha512", False),
    ],
    ids=["rsa", "rsa-pss", "ecdsa-p256", "ecdsa-p384", "ed25519"],
)
def test_every_kind_of_arithmetic_holds_and_breaks(make_key: Callable[[], SigningKey], digest: str, pss: bool) -> None:
    pdf = signed_pdf(make_agency(key=make_key()), digest=digest, pss=pss)
    assert found_in(pdf) == ["whole"]
    changed = bytearray(pdf)
    changed[20] ^= 1
    assert found_in(bytes(changed)) == ["Refused"]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_one_byte_changed_anywhere_that_is_signed_is_never_valid_over_the_whole(data: st.DataObject) -> None:
    """Inside the gap a CMS has parts that nothing signs, its version for one: there only the file's digest tells."""
    first = find_signatures(memoryview(SIGNED))[0]
    places = st.integers(0, first.gap_start - 1) | st.integers(first.gap_end, len(SIGNED) - 1)
    changed = bytearray(SIGNED)
    changed[data.draw(places)] ^= data.draw(st.integers(1, 255))
    assert found_in(bytes(changed)) != ["whole"]


AGENCY = make_agency()
SIGNED = signed_pdf(AGENCY)


def with_range(numbers: bytes) -> bytes:
    return re.sub(rb"(/ByteRange *\[)([^]]*)", lambda found: found[1] + numbers.ljust(len(found[2])), SIGNED)


@pytest.mark.parametrize(
    "numbers", [b"0 1 2 3", b"1 9 9 9", b"0 0 0 0", b"0 9 5 3", b"0 9", b"-1 2 3 4", b"0 1 99999999 9", b"0 a b c", b""]
)
def test_ranges_that_cannot_be_are_refused(numbers: bytes) -> None:
    with pytest.raises(Refused):
        find_signatures(memoryview(with_range(numbers)))


def two_signatures(second_covers_to: int) -> bytes:
    """Return bytes with two signatures as a PDF has them; the first covers everything to the end."""
    form = b"/ByteRange [0 %04d %04d %04d] /Contents <30020500> "
    size = len(form % (0, 0, 0))
    ranges = []
    for number, end in ((0, 2 * size), (1, second_covers_to)):
        gap_end = (number + 1) * size - 1
        ranges.append((gap_end - 10, gap_end, end - gap_end))
    return b"".join(form % numbers for numbers in ranges)


def test_signatures_that_leave_out_what_the_other_covers_are_refused() -> None:
    size = len(two_signatures(1000)) // 2
    with pytest.raises(Refused, match="overlap"):
        find_signatures(memoryview(two_signatures(2 * size)))


def test_range_that_does_not_begin_at_the_beginning_is_refused() -> None:
    found = re.search(rb"/ByteRange *\[0 (\d+) (\d+) (\d+)", SIGNED)
    assert found is not None
    with pytest.raises(Refused, match="from its beginning"):
        find_signatures(memoryview(with_range(b"1 %s %s %s" % found.groups())))


def test_signature_of_two_signers_at_once_is_refused() -> None:
    first = find_signatures(memoryview(SIGNED))[0]
    content = cms.ContentInfo.load(first.der)
    infos = content["content"]["signer_infos"]
    content["content"]["signer_infos"] = [infos[0], infos[0].copy()]
    with pytest.raises(Refused, match="more than one signer"):
        check_signature(memoryview(SIGNED), replace(first, der=content.dump()))


@pytest.mark.parametrize("space", [b"", b" ", b"\r\n", b"\0\t\f"])
def test_white_space_in_a_range_changes_nothing(space: bytes) -> None:
    def spaced(found: re.Match[bytes]) -> bytes:
        return (b"/ByteRange" + space + b"[" + space + found[1].strip() + space + b"]").ljust(len(found[0]))

    pdf = re.sub(rb"/ByteRange *\[([^]]*)\] *", spaced, SIGNED)
    assert len(pdf) == len(SIGNED)
    assert find_signatures(memoryview(pdf)) == find_signatures(memoryview(SIGNED))


def test_gap_that_holds_more_than_the_signature_is_malformed() -> None:
    start = SIGNED.index(b"/Contents <3") + len(b"/Contents ")
    for inside in (b"3", b"<30 "):
        pdf = SIGNED[:start] + inside + SIGNED[start + len(inside) :]
        with pytest.raises(Refused):
            find_signatures(memoryview(pdf))


def test_signature_of_an_unknown_signer_without_his_certificate_is_undecided() -> None:
    first = find_signatures(memoryview(SIGNED))[0]
    checked = check_signature(memoryview(SIGNED), first)
    without = first.der.replace(checked.signer, b"")
    assert without != first.der
    with pytest.raises((Malformed, Undecided)):
        check_signature(memoryview(SIGNED), type(first)(first.gap_start, first.gap_end, first.end, without))


def test_pdf_without_signature_has_none() -> None:
    assert find_signatures(memoryview(plain_pdf())) == []


def test_time_stamp_over_another_signature_is_refused(tmp_path: Path) -> None:
    """A token of a real authority, but over other bytes than this signature's value."""
    archive = SmallArchive(tmp_path)
    first = find_signatures(memoryview(SIGNED))[0]
    content = cms.ContentInfo.load(first.der)
    info = content["content"]["signer_infos"][0]
    for stamped, holds in ((info["signature"].native, True), (b"something else", False)):
        token = archive.authority.stamp(hashlib.sha256(stamped).digest(), "sha256").der
        info["unsigned_attrs"] = [{"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]}]
        with_token = replace(first, der=content.dump())
        if holds:
            checked = check_signature(memoryview(SIGNED), with_token)
            assert checked.token is not None
            assert checked.token.at == archive.clock.now()
        else:
            with pytest.raises(Refused, match="about something else"):
                check_signature(memoryview(SIGNED), with_token)


def test_document_time_stamp_is_over_the_bytes_it_covers(tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path)
    first = find_signatures(memoryview(SIGNED))[0]
    covered = SIGNED[: first.gap_start] + SIGNED[first.gap_end : first.end]
    for stamped, found in ((covered, True), (covered + b"!", False)):
        token = archive.authority.stamp(hashlib.sha256(stamped).digest(), "sha256").der
        if found:
            assert check_signature(memoryview(SIGNED), replace(first, der=token)).is_time_stamp
        else:
            with pytest.raises(Refused, match="about something else"):
                check_signature(memoryview(SIGNED), replace(first, der=token))


def test_signature_with_another_certificate_of_the_same_name_and_number_is_refused() -> None:
    """The certificate that PAdES names inside the signature tells them apart (RFC 5035)."""
    first = find_signatures(memoryview(SIGNED))[0]
    signer = x509.load_der_x509_certificate(check_signature(memoryview(SIGNED), first).signer)
    again = x509.CertificateBuilder(
        signer.issuer,
        signer.subject,
        signer.public_key(),
        signer.serial_number,
        signer.not_valid_before_utc,
        signer.not_valid_after_utc + dt.timedelta(days=1),
    ).sign(AGENCY.key, hashes.SHA256())
    content = cms.ContentInfo.load(first.der)
    content["content"]["certificates"] = [asn1_x509.Certificate.load(again.public_bytes(Encoding.DER))]
    with pytest.raises(Refused, match="not the one that the signer named"):
        check_signature(memoryview(SIGNED), replace(first, der=content.dump()))
