"""The package of a disposal comes from the locked store and the log alone, and the checker accepts it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from archive_service.errors import Conflict, IntegrityFailure, NotAllowed, NotFound
from archive_service.evidence.canonical import canonical_json
from archive_service.lifecycle.disposal.give_out import disposal_package
from archive_service.lifecycle.disposal.restore import restore_disposals
from archive_service.lifecycle.evidence.keep import keep_evidence
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.objects import disposal_evidence_key, small_object
from archive_service.model.permissions import Role
from archive_service.trust.local_authority import LocalAuthority
from archive_verify import trust as verifying
from archive_verify.package import Package
from archive_verify.steps import check
from archive_verify.verdicts import Verdict
from tests.archives import TestArchive, open_test_archive
from tests.disposals import DISPOSAL, Disposing
from tests.fakes.randomness import CountedRandomness
from tests.fakes.sealer import ANCHOR
from tests.packages import Agency, SmallArchive
from tests.results import HA_NOI

CERTIFICATE, PAPER = (f"disposals/{DISPOSAL}/certificate.{form}" for form in ("json", "pdf"))


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive with a time-stamp authority."""
    with open_test_archive(tmp_path) as opened:
        authority = LocalAuthority(tmp_path / "tsa", opened.clock, CountedRandomness())
        yield dataclasses.replace(opened, archive=dataclasses.replace(opened.archive, authorities=(authority,)))


class Real(SmallArchive):
    """Lets events happen in a real log, in place of the small archive's own."""

    def __init__(self, ours: TestArchive) -> None:
        super().__init__(ours.folder / "small")
        self.ours, self.clock = ours, ours.clock

    def happens(
        self, type_: EventType, values: dict[str, Json], record: RecordId | None = None, after_hours: int = 1
    ) -> Any:
        self.clock.forward(dt.timedelta(hours=after_hours))
        event = Event(type_, "key:1f0c3a", self.clock.now(), record, values)
        self.ours.register.write(lambda unit: unit.log.append(event))
        return self.ours.register.read(lambda unit: unit.log.size()) - 1, None


def put(ours: TestArchive, key: str, body: bytes) -> None:
    path = ours.folder / "body"
    path.write_bytes(body)
    ours.store.put(key, path, small_object(key, body).digest, ours.clock.now() + dt.timedelta(days=1))


def certified(ours: TestArchive, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Disposing:
    """Let a disposal of the callers' office go by the rules, and keep what was certified."""
    told = Disposing(Real(ours))
    told.propose(office=ours.auditor.office)
    told.said["office"] = ours.auditor.office
    told.decide()
    told.carry_out()
    told.certify(change)
    put(ours, CERTIFICATE, told.certificate)
    put(ours, PAPER, told.paper or b"")
    return told


def exported(ours: TestArchive) -> bytes:
    with disposal_package(ours.archive, ours.auditor, DISPOSAL) as package:
        content = b"".join(package.blocks())
        assert len(content) == package.size_bytes
        return content


def verdicts(ours: TestArchive, content: bytes, agency: Agency) -> dict[str, Verdict]:
    trusting = verifying.Trust(
        now=ours.clock.now() + dt.timedelta(hours=1),
        log_keys=ours.archive.signer.verifier_keys,
        tsa_roots=tuple(root for one in ours.archive.authorities for root in one.roots),
        agency_roots=(agency.der,),
    )
    return {step.name: findings.verdict for step, findings in check(Package(content), trusting)}


def test_the_checker_accepts_every_step_but_the_witness_that_there_is_not(ours: TestArchive) -> None:
    told = certified(ours)
    seal_log(ours.archive)
    stamp(ours.archive)
    found = verdicts(ours, exported(ours), told.archive.agency)
    assert {name: one for name, one in found.items() if one is not Verdict.PASS} == {"checkpoint": Verdict.UNKNOWN}
    assert exported(ours) == exported(ours)


def test_it_holds_the_decision_and_each_end_and_nothing_else(ours: TestArchive) -> None:
    other = Disposing(Real(ours), id=DISPOSAL[:-1] + "2")
    other.propose()
    told = certified(ours)
    other.decide()
    seal_log(ours.archive)
    package = Package(exported(ours))
    names = {name for name in package.names("data/entries/") if name.endswith(".entry")}
    assert names == {f"data/entries/{index}.entry" for index, _ in told.events}
    assert package.content("data/certificate.json") == told.certificate
    assert {package.content(name) for name in package.names("data/trust/agency/")} == {ANCHOR}


def test_it_is_found_even_where_its_time_leads_past_it(ours: TestArchive) -> None:
    """A clock once ran ahead: then the whole log is looked through, and the checker says that it cannot tell."""
    told = certified(ours, lambda certificate: certificate.update(proposed_at="2100-01-01T00:00:00.000000Z"))
    seal_log(ours.archive)
    assert verdicts(ours, exported(ours), told.archive.agency)["history"] is Verdict.UNKNOWN


def test_it_is_the_same_after_the_register_has_lost_what_its_entries_commit_to(ours: TestArchive) -> None:
    certified(ours)
    seal_log(ours.archive)
    stamp(ours.archive)
    keep_evidence(ours.archive)
    before = exported(ours)
    with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        connection.execute(sa.text("DELETE FROM log_payloads"))
    restored = restore_disposals(ours.archive)
    assert (restored.payloads, restored.problems) == (len(Package(before).names("data/entries/")) // 4, ())
    assert restore_disposals(ours.archive).payloads == 0
    assert exported(ours) == before


def test_what_was_changed_in_the_store_does_not_come_back(ours: TestArchive) -> None:
    told = certified(ours)
    seal_log(ours.archive)
    keep_evidence(ours.archive)
    index, _ = told.events[-1]
    key = disposal_evidence_key(DISPOSAL, ours.archive.signer.origin, index)
    other = ours.content_of(key).replace(b"records", b"recordz", 1)
    ours.store.tamper(key, other)
    with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        connection.execute(sa.text("DELETE FROM log_payloads"))
    restored = restore_disposals(ours.archive)
    assert len(restored.problems) == 1
    assert key in restored.problems[0]


def test_the_giving_is_logged_before_the_first_byte(ours: TestArchive) -> None:
    certified(ours)
    seal_log(ours.archive)
    with disposal_package(ours.archive, ours.auditor, DISPOSAL):
        [event] = ours.events(EventType.EVIDENCE_EXPORTED)
    assert (event.record_id, event.actor, event.values) == (None, ours.auditor.id, {"disposal": DISPOSAL})


@pytest.mark.parametrize("key", [CERTIFICATE, PAPER])
def test_what_is_not_the_one_certified_is_not_given(ours: TestArchive, key: str) -> None:
    certified(ours)
    seal_log(ours.archive)
    ours.store.tamper(key, ours.content_of(key).replace(b"1", b"2"))
    with pytest.raises(IntegrityFailure):
        exported(ours)


def test_a_certificate_that_says_nothing_is_not_given(ours: TestArchive) -> None:
    put(ours, CERTIFICATE, b"[]")
    with pytest.raises(IntegrityFailure):
        exported(ours)


def test_what_was_not_logged_yet_is_to_be_asked_for_again(ours: TestArchive) -> None:
    told = Disposing(Real(ours))
    told.propose()
    put(ours, CERTIFICATE, canonical_json({**told.said, "office": ours.auditor.office, "records": []}))
    with pytest.raises(Conflict) as early:
        exported(ours)
    assert early.value.code == "not-certified-yet"


def test_before_a_checkpoint_it_is_to_be_asked_for_again(ours: TestArchive) -> None:
    certified(ours)
    with pytest.raises(Conflict) as early:
        exported(ours)
    assert early.value.code == "not-yet-in-checkpoint"


@pytest.mark.parametrize("disposal_id", [DISPOSAL, "", "../records", f"{DISPOSAL}/certificate.json"])
def test_what_there_is_not_is_not_found(ours: TestArchive, disposal_id: str) -> None:
    with pytest.raises(NotFound), disposal_package(ours.archive, ours.auditor, disposal_id):
        pass


def test_only_those_who_may_read_disposals_and_events_of_that_office_get_it(ours: TestArchive) -> None:
    certified(ours)
    seal_log(ours.archive)
    for reader_of_less in (ours.depositor, ours.archivist, ours.caller(Role.MANAGER), ours.caller(Role.OPERATOR)):
        with pytest.raises(NotAllowed), disposal_package(ours.archive, reader_of_less, DISPOSAL):
            pass
    stranger = ours.caller(Role.AUDITOR, office=OfficeCode(HA_NOI))
    with pytest.raises(NotFound), disposal_package(ours.archive, stranger, DISPOSAL):
        pass
    assert ours.events(EventType.EVIDENCE_EXPORTED) == []
