"""What disposals over HTTP need in tests: a schedule in force, records that are due, and people who decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archive_service.model.permissions import Role
from retention.schedule import Action
from tests.api.service import ApiCaller, Service, a_pdf, metadata, person
from tests.disposing import COUNCIL, schedule

PLACE = "/api/v1/disposals"
TITLE = "Hồ sơ hết hạn năm 2026"


@dataclass
class People:
    """Who decides on disposals in a service, and what they do often."""

    service: Service
    action: Action = Action.DESTROY

    def prepare(self) -> None:
        """Let the schedule be in force, and give a key to each member of the council."""
        central = self.service.caller(Role.RECORDS_MANAGER, office="BHXH")
        answer = central.ask("POST", "/api/v1/retention/schedules", data=schedule(self.action))
        assert answer.status_code == 201, answer.text
        for name in COUNCIL:
            self.member(name)

    @property
    def proposer(self) -> ApiCaller:
        """A records manager who proposes."""
        return self.service.caller(Role.RECORDS_MANAGER, account="hong")

    @property
    def approver(self) -> ApiCaller:
        """A manager who approves."""
        return self.service.caller(Role.MANAGER, account="duc")

    def member(self, name: str = COUNCIL[0]) -> ApiCaller:
        """Return a member of the council."""
        return self.service.caller(Role.ARCHIVIST, account=name)

    def due(self, count: int = 2) -> list[str]:
        """Deposit so many documents, do what follows, and let their locks end: all of them are due."""
        ids = []
        for number in range(count):
            said = metadata(subject=person(f"012345678{number}"), document_number=str(1234 + number))
            answer = self.service.caller(Role.DEPOSITOR).deposit(a_pdf(f"due {number}"), said, key=f"due-{number}")
            assert answer.status_code == 201, answer.text
            ids.append(str(answer.get_json()["id"]))
        self.service.work_off()
        self.service.clock.forward(days=15)
        self.service.work_off()
        return ids

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return the proposal of all that is due, with some fields changed."""
        return {"title": TITLE, "action": str(self.action), "council": list(COUNCIL), **changes}

    def propose(self) -> dict[str, Any]:
        """Propose all that is due."""
        answer = self.proposer.post(PLACE, self.body())
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def approve(self) -> str:
        """Propose all that is due, let every member agree and another person approve; return the proposal's id."""
        own = f"{PLACE}/{self.propose()['id']}"
        for name in COUNCIL:
            assert self.member(name).post(f"{own}/votes", {"vote": "agree"}).status_code == 200
        assert self.approver.post(f"{own}/approval").status_code == 200
        return own.rsplit("/", 1)[1]

    def done(self) -> str:
        """Destroy all that is due; return the proposal's id."""
        disposal = self.approve()
        self.service.dispose()
        return disposal
