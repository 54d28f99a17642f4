"""An evidence package of a real life is accepted by the checker, and by nobody who trusts other keys."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.errors import Conflict, NotAllowed, NotFound, unavailable
from archive_service.evidence.package import EvidencePackage
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.evidence.give_out import evidence_package
from archive_service.lifecycle.log.cosign import keep_cosignatures
from archive_service.lifecycle.log.follow import checkpoint
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.model.events import EventType
from archive_service.model.identifiers import OfficeCode
from archive_service.model.permissions import Role
from archive_service.model.record import DocumentText, PageText, Record, RecordState, TextSource, Trust
from archive_service.trust.local_authority import LocalAuthority
from archive_verify import trust as verifying
from archive_verify.notes import parse_note
from archive_verify.package import Package
from archive_verify.steps import check
from archive_verify.verdicts import Verdict
from tests.archives import TestArchive, open_test_archive
from tests.fakes.randomness import CountedRandomness
from tests.fakes.sealer import ANCHOR
from tests.fakes.witness import LASTING_KEY, WITNESS_KEY, cosigned
from tests.results import pdf


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive with a time-stamp authority."""
    with open_test_archive(tmp_path) as opened:
        authority = LocalAuthority(tmp_path / "tsa", opened.clock, CountedRandomness())
        archive = dataclasses.replace(opened.archive, authorities=(authority,), witnesses=(WITNESS_KEY,))
        yield dataclasses.replace(opened, archive=archive)


def proven(ours: TestArchive) -> Record:
    """Return a record that was corrected once, sealed into the log and stamped."""
    record = ours.stored(1)
    said = dataclasses.replace(record.metadata, signer="Lê Văn Tám")
    record = correct(ours.archive, Correction(ours.archivist, record.id, said, "ghi sai", record.etag))
    seal_log(ours.archive)
    stamp(ours.archive)
    return record


def written(package: EvidencePackage) -> bytes:
    return b"".join(package.blocks())


def exported(ours: TestArchive, record: Record) -> bytes:
    with evidence_package(ours.archive, ours.auditor, record.id) as package:
        content = written(package)
        assert len(content) == package.size_bytes
        return content


def verdicts(ours: TestArchive, content: bytes, **trust: object) -> list[Verdict]:
    said = {
        "now": ours.clock.now() + dt.timedelta(hours=1),
        "log_keys": ours.archive.signer.verifier_keys,
        "witness_keys": (),
        "tsa_roots": tuple(root for one in ours.archive.authorities for root in one.roots),
        "agency_roots": (),
    }
    trusting = verifying.Trust(**(said | trust))  # type: ignore[arg-type]
    return [findings.verdict for _, findings in check(Package(content), trusting)]


def test_the_checker_accepts_every_step_of_an_unsigned_record(ours: TestArchive) -> None:
    record = proven(ours)
    note = cosigned(checkpoint(ours.archive).encode(), int(ours.clock.now().timestamp()))
    keep_cosignatures(ours.archive, ours.auditor, note)
    found = verdicts(ours, exported(ours, record), witness_keys=(WITNESS_KEY,))
    assert found == [Verdict.PASS] * 10


def test_it_names_whom_the_archive_trusts_and_the_root_of_its_own_seal(ours: TestArchive) -> None:
    archive = dataclasses.replace(ours.archive, agency_roots=(b"an agency's root",))
    ours = dataclasses.replace(ours, archive=archive)
    ours.pdf.text = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 91.0, bytes(20)),))
    record = ours.stored(1, trust=Trust.DIGITISED)
    ours.work()
    seal_log(ours.archive)

    def roots() -> set[bytes]:
        package = Package(exported(ours, record))
        assert "data/renditions/sealed.pdf" in package
        return {package.content(name) for name in package.names("data/trust/agency/")}

    assert roots() == {b"an agency's root", ANCHOR}
    ours.sealer.problem = unavailable("seal-key")
    assert roots() == {b"an agency's root"}, "a device that is away keeps no evidence back"


def test_a_witness_with_keys_of_two_kinds_is_heard_with_both(ours: TestArchive) -> None:
    archive = dataclasses.replace(ours.archive, witnesses=(WITNESS_KEY, LASTING_KEY))
    record = proven(ours)
    note = cosigned(checkpoint(archive).encode(), int(ours.clock.now().timestamp()), lasting=True)
    assert keep_cosignatures(archive, ours.auditor, note) == (WITNESS_KEY.name,)
    assert keep_cosignatures(archive, ours.auditor, note) == (WITNESS_KEY.name,)
    content = exported(ours, record)
    assert len(parse_note(Package(content).content("data/checkpoint.txt")).signatures) == 4
    assert verdicts(ours, content, witness_keys=(WITNESS_KEY, LASTING_KEY)) == [Verdict.PASS] * 10


def test_without_a_witness_it_cannot_be_told_whether_all_see_one_log(ours: TestArchive) -> None:
    found = verdicts(ours, exported(ours, proven(ours)))
    assert [number for number, verdict in enumerate(found, 1) if verdict is not Verdict.PASS] == [6]
    assert found[5] is Verdict.UNKNOWN


def test_the_same_record_gives_the_same_bytes(ours: TestArchive) -> None:
    record = proven(ours)
    assert exported(ours, record) == exported(ours, record)


def test_it_holds_what_happened_and_not_who_looked(ours: TestArchive) -> None:
    record = proven(ours)
    package = Package(exported(ours, record))
    life = ours.register.read(lambda unit: unit.log.of_record(record.id, -1, 100))
    indexes = {one.index for one in life if one.event is not None and one.event.type is not EventType.EVIDENCE_EXPORTED}
    names = {name for name in package.names("data/entries/") if name.endswith(".entry")}
    assert names == {f"data/entries/{index}.entry" for index in indexes}
    assert package.content("data/original.pdf") == pdf("document 1")
    assert sorted(package.names("data/metadata/")) == [
        f"data/metadata/{version}.{suffix}" for version in (1, 2) for suffix in ("json", "salt")
    ]


def test_the_giving_is_logged_before_the_first_byte(ours: TestArchive) -> None:
    record = proven(ours)
    with evidence_package(ours.archive, ours.auditor, record.id):
        [event] = ours.events(EventType.EVIDENCE_EXPORTED)
    assert (event.record_id, event.actor) == (record.id, ours.auditor.id)


def test_an_auditor_who_trusts_other_keys_is_not_convinced(ours: TestArchive, tmp_path: Path) -> None:
    content = exported(ours, proven(ours))
    other = LocalAuthority(tmp_path / "other", ours.clock, CountedRandomness("other"))
    found = verdicts(ours, content, tsa_roots=tuple(other.roots), log_keys=())
    assert found[5] is not Verdict.PASS
    assert found[8] is not Verdict.PASS
    assert found[:5] == [Verdict.PASS] * 5


def test_what_the_store_has_changed_is_not_exported(ours: TestArchive) -> None:
    record = proven(ours)
    ours.store.tamper(record.original.key, pdf("document 2"))
    with pytest.raises(Exception, match="not those recorded"):
        exported(ours, record)


def test_before_a_checkpoint_it_is_to_be_asked_for_again(ours: TestArchive) -> None:
    record = ours.stored(1)
    with pytest.raises(Conflict) as early, evidence_package(ours.archive, ours.auditor, record.id):
        pass
    assert early.value.code == "not-yet-in-checkpoint"


def test_without_a_time_stamp_the_rest_is_given(ours: TestArchive) -> None:
    record = ours.stored(1)
    seal_log(ours.archive)
    found = verdicts(ours, exported(ours, record))
    assert found[:5] == [Verdict.PASS] * 5
    assert found[7] is not Verdict.PASS


@pytest.mark.parametrize("state", [RecordState.QUARANTINED, RecordState.REJECTED])
def test_what_is_not_served_is_not_exported(ours: TestArchive, state: RecordState) -> None:
    record = proven(ours)
    ours.register.write(lambda unit: unit.records.set_state(record.id, state, ours.clock.now()))
    with pytest.raises(Conflict), evidence_package(ours.archive, ours.auditor, record.id):
        pass


def test_only_those_who_may_read_the_original_and_its_events_get_it(ours: TestArchive) -> None:
    record = proven(ours)
    for reader_of_less in (ours.depositor, ours.archivist, ours.caller(Role.INTAKE_OFFICER), ours.caller(Role.MANAGER)):
        with pytest.raises(NotAllowed), evidence_package(ours.archive, reader_of_less, record.id):
            pass
    stranger = ours.caller(Role.AUDITOR, office=OfficeCode("BHXH-01"))
    with pytest.raises(NotFound), evidence_package(ours.archive, stranger, record.id):
        pass
    assert ours.events(EventType.EVIDENCE_EXPORTED) == []
