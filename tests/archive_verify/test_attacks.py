"""Attacks on evidence: what somebody makes who can compute everything anew, but has only some of the keys.

Each names the steps that refuse it. A package with another document, entry or log is refused by at least two steps
that rest on different keys; what only one step can see, or none for sure, is said where it is tested.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.evidence_record import Stamp, make_evidence_record, stamp_der
from archive_service.evidence.hash_tree import GroupKind, HashTree, make_group
from archive_service.model.events import EventType
from archive_verify.verdicts import Verdict
from tests.packages import (
    OTHER_RECORD,
    Agency,
    Life,
    SmallArchive,
    contents_of,
    failed,
    make_agency,
    package_bytes,
    plain_pdf,
    repacked,
    signed_pdf,
    verdicts,
)

# Attacks on a signed PDF: what the attacker makes of it.


def update(pdf: bytes, change: Callable[[IncrementalPdfFileWriter, generic.DictionaryObject], None]) -> bytes:
    """Return the PDF with a revision appended that changes its first page."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    change(writer, page)
    writer.update_container(page)
    made = io.BytesIO()
    writer.write(made)  # type: ignore[no-untyped-call]
    return made.getvalue()


def swap_page(pdf: bytes, _: Agency) -> bytes:
    def change(writer: IncrementalPdfFileWriter, page: generic.DictionaryObject) -> None:
        stream = generic.StreamObject(stream_data=b"0 0 100 100 re f")
        page[generic.pdf_name("/Contents")] = writer.add_object(stream)

    return update(pdf, change)


def add_annotation(pdf: bytes, _: Agency) -> bytes:
    def change(writer: IncrementalPdfFileWriter, page: generic.DictionaryObject) -> None:
        box = generic.ArrayObject(map(generic.NumberObject, (0, 0, 100, 100)))
        annotation = generic.DictionaryObject(  # type: ignore[no-untyped-call]
            {
                generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
                generic.pdf_name("/Subtype"): generic.pdf_name("/Square"),
                generic.pdf_name("/Rect"): box,
            }
        )
        page[generic.pdf_name("/Annots")] = generic.ArrayObject([writer.add_object(annotation)])

    return update(pdf, change)


def hide_in_shadow(pdf: bytes, _: Agency) -> bytes:
    def change(_: IncrementalPdfFileWriter, page: generic.DictionaryObject) -> None:
        page.pop(generic.pdf_name("/Annots"), None)

    return update(pdf, change)


def replace_in_shadow(pdf: bytes, agency: Agency) -> bytes:
    return swap_page(pdf, agency)


def hide_and_replace_in_shadow(pdf: bytes, agency: Agency) -> bytes:
    return swap_page(hide_in_shadow(pdf, agency), agency)


def forge_without_contents(pdf: bytes, _: Agency) -> bytes:
    start, end = gap(pdf)
    return pdf[:start] + b"<" + b"0" * (end - start - 2) + b">" + pdf[end:]


def forge_without_byte_range(pdf: bytes, _: Agency) -> bytes:
    return re.sub(rb"/ByteRange *\[[^]]*\]", lambda found: b"/ByteRange".ljust(len(found[0])), pdf)


def forge_with_empty_byte_range(pdf: bytes, _: Agency) -> bytes:
    return re.sub(rb"/ByteRange *\[[^]]*\]", lambda found: b"/ByteRange [0 0 0 0]".ljust(len(found[0])), pdf)


def forge_with_escaped_name(pdf: bytes, _: Agency) -> bytes:
    numbers = rb"/ByteRange *\[ *(\d+ \d+ \d+ )(\d+) *\]"
    return re.sub(numbers, lambda found: (b"/Byte#52ange[" + found[1] + b"9]").ljust(len(found[0])), pdf)


def forge_with_other_name(pdf: bytes, _: Agency) -> bytes:
    return pdf.replace(b"/ByteRange", b"/byterange")


def overlap_byte_ranges(pdf: bytes, agency: Agency) -> bytes:
    twice = bytearray(signed_pdf(agency, pdf, "Sig2"))
    second = list(re.finditer(rb"/ByteRange *\[([^]]*)\]", twice))[1]
    _, begin, end, length = map(int, second[1].split())
    earlier = f"0 {gap(pdf)[0]} {end} {length}".encode().ljust(len(second[1]))
    assert begin > gap(pdf)[0]
    twice[second.start(1) : second.end(1)] = earlier
    return bytes(twice)


def append_bytes(pdf: bytes, _: Agency) -> bytes:
    return pdf + b"\n% nothing to see\n"


def change_padding(pdf: bytes, _: Agency) -> bytes:
    end = gap(pdf)[1]
    return pdf[: end - 2] + b"1" + pdf[end - 1 :]


def resign_with_another_key(pdf: bytes, agency: Agency) -> bytes:
    del pdf, agency
    return signed_pdf(make_agency())  # the same name, another key


def gap(pdf: bytes) -> tuple[int, int]:
    found = re.search(rb"/ByteRange *\[ *0 +(\d+) +(\d+)", pdf)
    assert found is not None
    return int(found[1]), int(found[2])


PDF_ATTACKS = {
    swap_page: Verdict.UNKNOWN,
    add_annotation: Verdict.UNKNOWN,
    hide_in_shadow: Verdict.UNKNOWN,
    replace_in_shadow: Verdict.UNKNOWN,
    hide_and_replace_in_shadow: Verdict.UNKNOWN,
    forge_without_contents: Verdict.FAIL,
    forge_without_byte_range: Verdict.FAIL,
    forge_with_empty_byte_range: Verdict.FAIL,
    forge_with_escaped_name: Verdict.FAIL,
    forge_with_other_name: Verdict.UNKNOWN,
    overlap_byte_ranges: Verdict.FAIL,
    append_bytes: Verdict.UNKNOWN,
    change_padding: Verdict.FAIL,
    resign_with_another_key: Verdict.FAIL,
}


@pytest.mark.parametrize("attack", PDF_ATTACKS, ids=lambda attack: attack.__name__)
def test_document_attacked_after_its_deposit_is_refused_by_manifest_and_by_time_stamp(
    archive: SmallArchive, life: Life, package: bytes, attack: Callable[[bytes, Agency], bytes]
) -> None:
    attacked = attack(life.original, archive.agency)
    assert attacked != life.original
    told = verdicts(repacked(package, {"data/original.pdf": attacked}), archive.trust())
    assert told["original"] is told["time-stamps"] is Verdict.FAIL
    assert told["signatures"] is not Verdict.PASS


@pytest.mark.parametrize(("attack", "verdict"), PDF_ATTACKS.items(), ids=lambda one: getattr(one, "__name__", one))
def test_document_attacked_before_its_deposit_is_never_called_validly_signed(
    tmp_path: Path, attack: Callable[[bytes, Agency], bytes], verdict: Verdict
) -> None:
    archive = SmallArchive(tmp_path)
    life = archive.life(attack(signed_pdf(archive.agency), archive.agency))
    assert verdicts(package_bytes(archive.parts(life)), archive.trust())["signatures"] is verdict


def test_rollback_to_an_earlier_signed_revision_is_refused_by_manifest_and_by_time_stamp(tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path)
    earlier = signed_pdf(archive.agency)
    package = package_bytes(archive.parts(archive.life(signed_pdf(archive.agency, earlier, "Sig2"))))
    told = failed(repacked(package, {"data/original.pdf": earlier}), archive.trust())
    # The earlier revision is validly signed: only digests tell.
    assert told == {"original", "time-stamps", "trust"}


# Attacks on the log


def test_rewritten_entry_is_refused_by_log_receipt_and_time_stamp(
    archive: SmallArchive, life: Life, package: bytes
) -> None:
    """The document is exchanged, and payload and entry made anew to fit it: everything but signatures."""
    forged = SmallArchive(archive.authority.folder.parent, archive.signer.origin)
    forged.clock.forward(dt.timedelta(hours=1))
    other = forged.life(plain_pdf(), report=life.report)
    index, entry = other.events[0]
    assert index == life.events[0][0]
    changed: dict[str, bytes | None] = {
        "data/original.pdf": plain_pdf(),
        f"data/entries/{index}.entry": entry.entry,
        f"data/entries/{index}.payload": entry.payload,
        f"data/entries/{index}.salt": entry.salt,
    }
    told = failed(repacked(package, changed), archive.trust())
    assert told == {"inclusion", "history", "time-stamps", "trust"}


def test_backdated_entry_is_refused_by_log_receipt_and_time_stamp(archive: SmallArchive, package: bytes) -> None:
    entry = contents_of(package)["data/entries/1.entry"]
    backdated = entry.replace(b'"at":"2026-', b'"at":"2024-')
    assert backdated != entry
    told = failed(repacked(package, {"data/entries/1.entry": backdated}), archive.trust())
    assert told == {"inclusion", "history", "time-stamps", "trust"}


def test_operator_who_forks_the_log_is_refused_by_witness_and_time_stamp(archive: SmallArchive, tmp_path: Path) -> None:
    """He has the log's key and signs a second log with another document; witness and authority saw the first."""
    forked = SmallArchive(tmp_path)
    forked.signer = archive.signer
    forked.log.signer = archive.signer
    life = forked.life(plain_pdf())
    real = archive.life(signed_pdf(archive.agency), OTHER_RECORD)
    package = package_bytes(forked.parts(life, evidence={"local": archive.stamp(real)}))
    trust = replace(archive.trust(), now=archive.clock.now() + dt.timedelta(days=2))
    assert failed(package, trust) == {"checkpoint", "time-stamps", "trust"}


def test_operator_who_backdates_a_deposit_in_his_own_log_is_not_believed(archive: SmallArchive, tmp_path: Path) -> None:
    """He has every key but the witness's and the authority's, which stamps no other time than its own."""
    forged = SmallArchive(tmp_path)
    forged.signer = archive.signer
    forged.log.signer = archive.signer
    forged.clock.forward(dt.timedelta(days=-365))
    life = forged.life(plain_pdf())
    package = package_bytes(forged.parts(life, evidence={"local": archive.stamp(life)}))
    told = verdicts(package, archive.trust())
    assert told["checkpoint"] is Verdict.FAIL
    # An authority that was out of reach for a year looks the same, so it is not called forged.
    assert told["time-stamps"] is Verdict.UNKNOWN


def test_log_signed_anew_with_another_key_is_refused_for_checkpoint_and_receipt(
    archive: SmallArchive, life: Life, tmp_path: Path
) -> None:
    thief = SmallArchive(tmp_path)
    thief.log.entries, thief.log.tiles = archive.log.entries, archive.log.tiles
    thief.random, thief.authority = archive.random, archive.authority
    package = package_bytes(thief.parts(life, evidence={"local": archive.stamp(life)}))
    assert failed(package, archive.trust()) == {"checkpoint"}


def test_checkpoint_rolled_back_is_refused_by_proof_and_by_the_witness_time(tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path)
    archive.happens(EventType.SEARCHED, {}, None)
    older = archive.witness.cosign(archive.log.checkpoint(archive.clock.now()), archive.clock.now()).data
    package = package_bytes(archive.parts(archive.life(plain_pdf()), checkpoint=older))
    assert failed(package, archive.trust()) == {"inclusion", "checkpoint"}


def test_entry_and_proof_of_another_record_are_refused_by_every_step_that_knows_the_record(tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path)
    life, other = archive.life(signed_pdf(archive.agency)), archive.life(signed_pdf(archive.agency), OTHER_RECORD)
    mine, theirs = package_bytes(archive.parts(life)), package_bytes(archive.parts(other))
    changed: dict[str, bytes | None] = {
        name: None for name in contents_of(mine) if name.startswith(("data/entries/", "data/checkpoint"))
    }
    changed |= {
        name: data
        for name, data in contents_of(theirs).items()
        if name.startswith(("data/entries/", "data/checkpoint"))
    }
    assert failed(repacked(mine, changed), archive.trust()) == {
        "original",
        "metadata",
        "history",
        "time-stamps",
        "trust",
    }


# Attacks on time


def test_time_stamp_replayed_for_another_batch_is_refused(archive: SmallArchive, life: Life, package: bytes) -> None:
    """A real token of the authority over a tree that it was not made for. (The requester checks the nonce, too.)"""
    earlier = archive.authority.stamp(bytes(32), "sha256").der
    hashes = [hashlib.sha256(one).digest() for one in (life.original, life.events[0][1].entry)]
    group = make_group(GroupKind.RECORD, life.record, hashes)
    replayed = make_evidence_record([[stamp_der(Stamp("sha256", HashTree("sha256", [group]).reduced(0), earlier))]])
    changed = {"data/evidence/local.ers": replayed, "data/tokens/local-1.tst": earlier}
    assert failed(repacked(package, {**changed}), archive.trust()) == {"time-stamps", "trust"}


def test_metadata_exchanged_with_their_commitment_are_refused(archive: SmallArchive, package: bytes) -> None:
    """Metadata and the payload that commits to them are made anew; the entry commits to the payload."""
    held = contents_of(package)
    metadata = canonical_json({"subject": "Trần Thị B", "number": "12/QĐ"})
    salt = held["data/metadata/1.salt"]
    old, new = (hashlib.sha256(salt + one).hexdigest() for one in (held["data/metadata/1.json"], metadata))
    payload = held["data/entries/1.payload"].replace(old.encode(), new.encode())
    changed = {"data/metadata/1.json": metadata, "data/entries/1.payload": payload}
    assert failed(repacked(package, {**changed}), archive.trust()) == {"manifest"}


def test_stripped_evidence_is_unknown_in_every_step_that_needs_it(archive: SmallArchive, package: bytes) -> None:
    stripped = [name for name in contents_of(package) if name.startswith(("data/evidence/", "data/tokens/"))]
    told = verdicts(repacked(package, dict.fromkeys(stripped)), archive.trust())
    assert told["time-stamps"] is told["trust"] is Verdict.UNKNOWN
