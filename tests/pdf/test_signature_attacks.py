"""Attacks on a signed PDF: each is refused by two checks that do not depend on each other, and never called valid."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyhanko.sign.fields import MDPPerm

from archive_service.model.inspection import PdfFacts
from archive_service.model.signatures import Changes, Coverage, SignatureReport, SignatureVerdict, SubIndication
from archive_service.pdf.reader import Limits, SandboxedPdfReader, TrustFolders
from tests.pdf import attacks
from tests.pdf import documents as make
from tests.pdf.signing import NOW, How, agency_root, sign, stamp_root

Refusals = Callable[[bytes, bytes], tuple[SignatureReport, set[str]]]

# What the signature library says, by what it looks at; and what is looked at without it.
LIBRARY_COMPARES = "library: changes"
LIBRARY_COVERAGE = "library: coverage"
LIBRARY_DIGEST = "library: digest"
LIBRARY_READS = "library: unreadable"
DIGEST = "archive: digest of the original"


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxedPdfReader]:
    place = tmp_path_factory.mktemp("trust")
    folders = TrustFolders(str(agency_root().trusted_in(place / "a")), str(stamp_root().trusted_in(place / "t")))
    opened = SandboxedPdfReader(Limits(), trust=folders)
    yield opened
    opened.close()


@pytest.fixture
def refusals(trusting: SandboxedPdfReader, tmp_path: Path) -> Refusals:
    """Give the report of an attacked file, and the name of every check that refuses it on its own."""

    def of(signed: bytes, attacked: bytes) -> tuple[SignatureReport, set[str]]:
        path = tmp_path / "attacked.pdf"
        path.write_bytes(attacked)
        facts, report = trusting.inspect(path), trusting.check_signatures(path, NOW)
        found = {f"bytes: {fault}" for fault in report.faults}
        for one in report.signatures:
            checks = {
                LIBRARY_COMPARES: one.changes in (Changes.NOT_PERMITTED, Changes.FILLED_UNSIGNED),
                LIBRARY_COVERAGE: one.coverage in (Coverage.PART, Coverage.UNCLEAR),
                LIBRARY_DIGEST: one.ades in (SubIndication.HASH_FAILURE, SubIndication.SIG_CRYPTO_FAILURE),
            }
            found |= {name for name, refused in checks.items() if refused and one.readable}
            found |= {LIBRARY_READS} if not one.readable else set()
        if isinstance(facts, PdfFacts) and facts.bytes_after_end:
            found.add("inspection: bytes after the end")
        if hashlib.sha256(signed).digest() != hashlib.sha256(attacked).digest():
            found.add(DIGEST)
        return report, found

    return of


def test_what_is_attacked_is_valid_before(refusals: Refusals) -> None:
    for unsigned in (attacks.page(), attacks.shadowed(), attacks.form()):
        signed = sign(unsigned)
        report, found = refusals(signed, signed)
        assert (report.verdict, found) == (SignatureVerdict.VALID, set())


@pytest.mark.parametrize(
    ("attack", "wanted"),
    [
        (attacks.swap_page, {LIBRARY_COMPARES, "bytes: pages-changed"}),
        (attacks.add_page, {LIBRARY_COMPARES, "bytes: pages-changed"}),
        (attacks.annotate, {LIBRARY_COMPARES, "bytes: annotations-changed"}),
        (attacks.append, {"bytes: bytes-after-end", "inspection: bytes after the end"}),
        (attacks.append_blank, {"bytes: bytes-after-end", DIGEST}),
        (attacks.change_padding, {"bytes: padding-changed", DIGEST}),
        (attacks.change_a_signed_byte, {LIBRARY_DIGEST, DIGEST}),
        (attacks.take_signature_out, {"bytes: not-in-form", DIGEST}),
        (attacks.move_contents, {"bytes: gap-is-not-contents", LIBRARY_READS}),
        (attacks.overlap, {LIBRARY_COVERAGE, "bytes: ranges-overlap"}),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_an_attacked_page_is_refused_twice(
    refusals: Refusals, attack: Callable[[bytes], bytes], wanted: set[str]
) -> None:
    signed = sign(attacks.page())
    report, found = refusals(signed, attack(signed))
    assert wanted <= found
    assert report.verdict in (SignatureVerdict.ALTERED, SignatureVerdict.INVALID)


@pytest.mark.parametrize("permissions", MDPPerm)
def test_a_note_is_refused_twice_whatever_the_signature_permits(refusals: Refusals, permissions: MDPPerm) -> None:
    signed = sign(attacks.page(), How(permissions=permissions))
    report, found = refusals(signed, attacks.annotate(signed))
    assert {LIBRARY_COMPARES, "bytes: annotations-changed"} <= found
    assert report.verdict is SignatureVerdict.ALTERED


@pytest.mark.parametrize("name", attacks.FORGERIES)
def test_a_universal_forgery_is_refused_twice(refusals: Refusals, name: str) -> None:
    signed = sign(attacks.page())
    report, found = refusals(signed, attacks.FORGERIES[name](signed))
    assert any(check.startswith("bytes: ") for check in found)
    assert found & {LIBRARY_READS, LIBRARY_COVERAGE, LIBRARY_COMPARES, LIBRARY_DIGEST}
    assert report.verdict in (SignatureVerdict.ALTERED, SignatureVerdict.INVALID)


@pytest.mark.parametrize("attack", [attacks.shadow_hide, attacks.shadow_replace, attacks.shadow_both])
def test_a_shadow_attack_is_refused_twice(refusals: Refusals, attack: Callable[[bytes], bytes]) -> None:
    signed = sign(attacks.shadowed())
    report, found = refusals(signed, attack(signed))
    assert {LIBRARY_COMPARES, "bytes: pages-changed"} <= found
    assert report.verdict is SignatureVerdict.ALTERED


@pytest.mark.parametrize("permissions", [None, MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS])
def test_a_field_filled_in_after_the_last_signature_is_signed_by_nobody(
    refusals: Refusals, permissions: MDPPerm | None
) -> None:
    signed = sign(attacks.form(), How(permissions=permissions))
    report, found = refusals(signed, attacks.fill_in(signed))
    assert {LIBRARY_COMPARES, DIGEST} <= found
    assert report.verdict is SignatureVerdict.ALTERED


def test_a_second_signature_vouches_for_what_was_filled_in_between(refusals: Refusals) -> None:
    filled = attacks.fill_in(sign(attacks.form()))
    report, _ = refusals(filled, sign(filled, How(field="Second")))
    assert report.verdict is SignatureVerdict.VALID


def test_one_of_two_signatures_stays_right_when_ranges_overlap_and_the_document_is_refused(refusals: Refusals) -> None:
    signed = sign(attacks.page())
    report, _ = refusals(signed, attacks.overlap(signed))
    intact = [one for one in report.signatures if one.ades is None]
    assert intact
    assert report.verdict is SignatureVerdict.ALTERED


def test_every_byte_between_the_signed_ones_counts(refusals: Refusals) -> None:
    signed = sign(make.sound())
    start, end = signed.index(b"/Contents <") + len(b"/Contents "), signed.index(b">", signed.index(b"/Contents <"))
    for place in (start, start + 5, (start + end) // 2, end - 1, end):
        changed = bytearray(signed)
        changed[place] = ord("7") if changed[place] != ord("7") else ord("8")
        report, _ = refusals(signed, bytes(changed))
        assert report.verdict is not SignatureVerdict.VALID, place
