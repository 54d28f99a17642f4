"""Loading reference data: checked as a whole, loaded as a whole."""

from __future__ import annotations

from archive_service.errors import FieldProblem, InvalidInput, Message
from archive_service.lifecycle.retention.asking import ask_for_all
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import OfficeCode
from archive_service.model.reference import Office, ReferenceData
from archive_service.model.units import RegisterUnit


def load_reference(archive: Archive, data: ReferenceData, actor: str) -> None:
    """Add or replace offices, result types and procedures; what is not named stays.

    Raises InvalidInput that names each office whose parent or successor does not exist, whose dates end before they
    begin, or that would be above itself, and each procedure with an unknown result type. Nothing is loaded then.
    """

    def load(unit: RegisterUnit) -> None:
        known = {office.code: office for office in unit.reference.offices()}
        known |= {office.code: office for office in data.offices}
        types = {kind.code for kind in (*unit.reference.result_types(), *data.result_types)}
        problems = [problem for office in data.offices for problem in _office_problems(office, known)]
        problems += [
            FieldProblem(f"procedures.{p.code}", Message(f"Unknown result type {t}.", f"Không có loại kết quả {t}."))
            for p in data.procedures
            for t in p.result_types
            if t not in types
        ]
        if problems:
            raise InvalidInput(
                Message("The reference data contradicts itself.", "Dữ liệu tham chiếu có mâu thuẫn."),
                problems=tuple(problems),
            )
        unit.reference.load(data)
        counts = {
            "offices": len(data.offices),
            "result_types": len(data.result_types),
            "procedures": len(data.procedures),
        }
        # Rules and holds that name an office speak for those under it.
        if data.offices:
            ask_for_all(unit)
        unit.log.append(Event(EventType.REFERENCE_LOADED, actor, archive.clock.now(), None, counts))

    archive.register.write(load)


def _office_problems(office: Office, known: dict[OfficeCode, Office]) -> list[FieldProblem]:
    problems = []
    for relation, code in (("parent", office.parent), ("successor", office.successor)):
        if code is not None and code not in known:
            problems.append(Message(f"Its {relation} {code} does not exist.", f"«{relation}» {code} không tồn tại."))
    if office.valid_from and office.valid_to and office.valid_to < office.valid_from:
        problems.append(Message("It ends before it begins.", "Ngày kết thúc trước ngày bắt đầu."))
    if _returns_to(office, known):
        problems.append(Message("It would be above itself.", "Cơ quan này lại là cấp trên của chính nó."))
    return [FieldProblem(f"offices.{office.code}", message) for message in problems]


def _returns_to(office: Office, known: dict[OfficeCode, Office]) -> bool:
    """Whether going up by parents, or on by successors, comes back to the office."""
    for follow in ("parent", "successor"):
        seen: set[OfficeCode] = set()
        at: OfficeCode | None = office.code
        while at is not None and at in known:
            if at in seen:
                if at == office.code:
                    return True
                break  # a circle of others, which are named for it
            seen.add(at)
            at = known[at].parent if follow == "parent" else known[at].successor
    return False
