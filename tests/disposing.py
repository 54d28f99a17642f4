"""What disposals need in tests: a schedule in force, records that are due by it, a council, and a proposal approved."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from archive_service.lifecycle.disposal.approve import approve
from archive_service.lifecycle.disposal.finish import Certified, finish_disposals
from archive_service.lifecycle.disposal.propose import ProposalRequest, Selection, propose
from archive_service.lifecycle.disposal.vote import vote
from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.disposals import Disposal, DisposalItem, ItemState
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import Job, JobKind
from archive_service.model.permissions import Caller, Role
from archive_service.model.record import RecordState
from archive_service.model.retention import PlacedHold, Withdrawal, standing_of
from archive_service.model.units import RegisterUnit
from archive_service.model.units.api_keys import ApiKey
from archive_service.model.units.disposals import ItemSelection
from archive_service.model.units.records import RecordSelection
from retention.calendar import day_of
from retention.disposal import Vote
from retention.holds import Hold, HoldScope
from retention.schedule import Action
from tests.archives import TestArchive
from tests.results import DA_NANG

COUNCIL = ("lan", "minh", "tuan")
CODE = "06"
DAY = dt.timedelta(days=1)

SCHEDULE = """\
[schedule]
id = "bhxh"
version = "{version}"
title = "A schedule of tests"
title_vi = "Bảng thử"
valid_from = 2020-01-01

[[class]]
code = "{code}"
title = "Five years"
title_vi = "5 năm"
legal_source = "a test"
period = "5 years"
trigger = "{trigger}"
action = "{action}"

[[rule]]
class = "{code}"
priority = 0
"""


def schedule(action: Action = Action.DESTROY, version: str = "1", trigger: str = "document-date") -> bytes:
    """Return the file of a schedule by which everything is let go five years after its date."""
    return SCHEDULE.format(action=action, version=version, code=CODE, trigger=trigger).encode()


@dataclass(slots=True)
class Disposals:
    """An archive with a schedule and people who decide; what a test of disposals does often."""

    ours: TestArchive
    action: Action = Action.DESTROY
    made: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Let the schedule be in force, and give a key to each member of the council."""
        self.adopt(schedule(self.action))
        for name in COUNCIL:
            self.key(name, Role.ARCHIVIST)

    def adopt(self, body: bytes) -> None:
        """Let a schedule be in force."""
        self.ours.register.write(lambda u: u.schedules.add(body, "operator", self.ours.clock.now()))

    def key(self, account: str, *roles: Role, office: OfficeCode = DA_NANG) -> None:
        """Give an account a key, one more where it has some."""
        self.made.append(account)
        now = self.ours.clock.now()
        key = ApiKey(
            f"k{len(self.made)}", account, office, frozenset(roles), "0" * 64, now, now + 3650 * DAY, account=account
        )
        self.ours.register.write(lambda u: u.api_keys.add(key))

    def person(self, account: str, *roles: Role, office: OfficeCode = DA_NANG, key: str = "") -> Caller:
        """Return an account as a caller, under one of its keys."""
        offices = self.ours.register.read(lambda u: u.reference.subtree(office))
        return Caller(f"key:{key or account}", office, offices, frozenset(roles), account=account)

    @property
    def proposer(self) -> Caller:
        """A records manager who proposes."""
        return self.person("hong", Role.RECORDS_MANAGER)

    @property
    def approver(self) -> Caller:
        """A manager who approves."""
        return self.person("duc", Role.MANAGER)

    def member(self, name: str = COUNCIL[0]) -> Caller:
        """Return a member of the council."""
        return self.person(name, Role.ARCHIVIST)

    def decide(self) -> None:
        """Write where every stored record stands, as the step that decides does."""

        def work(unit: RegisterUnit) -> None:
            now = self.ours.clock.now()
            records = unit.records.select(RecordSelection(None, RecordState.STORED, limit=10_000))
            decisions = Judge.of(unit, day_of(now)).decisions(unit, records)
            unit.standings.put([standing_of(one, decision, now, None) for one, decision in decisions.items()])

        self.ours.register.write(work)

    def due(self, *numbers: int) -> list[RecordId]:
        """Deposit a document for each number, do what follows, and let their locks end: all of them are due."""
        records = [self.ours.stored(number) for number in numbers]
        self.ours.work()
        self.ours.clock.forward(15 * DAY)
        self.decide()
        return [record.id for record in records]

    def request(self, caller: Caller | None = None, council: frozenset[str] = frozenset(COUNCIL)) -> ProposalRequest:
        """Return the command to propose all that is due."""
        return ProposalRequest(caller or self.proposer, "Tài liệu hết hạn", Selection(self.action), council)

    def propose(self) -> Disposal:
        """Propose all that is due."""
        return propose(self.ours.archive, self.request()).disposal

    def carry(self, disposal: Disposal) -> Disposal:
        """Let every member agree."""
        for name in COUNCIL:
            disposal = vote(self.ours.archive, self.member(name), disposal.id, Vote.AGREE)
        return disposal

    def approve(self, disposal: Disposal) -> Disposal:
        """Let every member agree and another person approve."""
        self.carry(disposal)
        return approve(self.ours.archive, self.approver, disposal.id)

    def approved(self) -> Disposal:
        """Return all that is due, proposed and approved, its records handed out to the workers."""
        disposal = self.approve(self.propose())
        finish_disposals(self.ours.archive)
        return disposal

    def finish(self) -> tuple[Certified, ...]:
        """Do all work and certify what is done."""
        self.ours.work()
        return finish_disposals(self.ours.archive)

    def items(self, disposal: Disposal) -> list[DisposalItem]:
        """Return every record of the proposal."""
        return self.ours.register.read(lambda u: u.disposals.items(ItemSelection(disposal.id, limit=10_000)))

    def states(self, disposal: Disposal) -> list[ItemState]:
        """Return what became of each."""
        return [item.state for item in self.items(disposal)]

    def hold(self, scope: HoldScope, target: str) -> None:
        """Place a hold, as the step that places one does: it takes turns with disposals."""
        now = self.ours.clock.now()
        hold = Hold("H1", scope, target, "Thanh tra", "đang thanh tra", "QĐ 12/2026", day_of(now) + 30 * DAY)

        def place(unit: RegisterUnit) -> None:
            unit.progress.serialise("retention")
            unit.holds.add(PlacedHold(hold, DA_NANG, "key:inspector", now))

        self.ours.register.write(place)

    def lift(self) -> None:
        """Lift it."""
        by = Withdrawal("key:inspector", self.ours.clock.now(), "đã kết luận")
        self.ours.register.write(lambda u: u.holds.lift("H1", by))

    def jobs(self, kind: JobKind = JobKind.DISPOSE) -> list[Job]:
        """Take all work of a kind, without doing it."""
        now = self.ours.clock.now()
        return self.ours.register.write(lambda u: u.jobs.claim([kind], 1000, now, now + DAY))
