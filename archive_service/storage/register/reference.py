"""Rows of reference data."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, or_, select

from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.reference import Office, Procedure, ReferenceData, ResultType
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import upsert

_O = t.offices.c
# Made once: building a statement anew takes longer than running it.
_OFFICE = select(t.offices).where(_O.code == bindparam("code"))
_RESULT_TYPE = select(t.result_types).where(t.result_types.c.code == bindparam("code"))
_PROCEDURE = select(t.procedures).where(t.procedures.c.code == bindparam("code"))
_KNOWS = select(
    exists().where(_O.code == bindparam("office")),
    exists().where(t.result_types.c.code == bindparam("result_type")),
    exists().where(t.procedures.c.code == bindparam("procedure")),
)


class SqlReference:
    """Implements ``Reference`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self, data: ReferenceData) -> None:
        """Add or replace what the data states."""
        for office in data.offices:
            upsert(
                self._connection,
                t.offices,
                {
                    "code": office.code,
                    "name": office.name,
                    "parent": office.parent,
                    "valid_from": office.valid_from,
                    "valid_to": office.valid_to,
                    "successor": office.successor,
                },
            )
        for kind in data.result_types:
            upsert(
                self._connection,
                t.result_types,
                {"code": kind.code, "name": kind.name, "name_en": kind.name_en},
            )
        for procedure in data.procedures:
            upsert(
                self._connection,
                t.procedures,
                {
                    "code": procedure.code,
                    "name": procedure.name,
                    "result_types": json.dumps(procedure.result_types),
                },
            )

    def office(self, code: OfficeCode) -> Office | None:
        """Return one office."""
        row = self._connection.execute(_OFFICE, {"code": code}).one_or_none()
        return _office(row) if row is not None else None

    def knows(
        self, office: OfficeCode, result_type: ResultTypeCode, procedure: ProcedureCode | None
    ) -> tuple[bool, bool, bool]:
        """Return which of them there are; a procedure that is not named is not missed."""
        told = {"office": office, "result_type": result_type, "procedure": procedure}
        found = self._connection.execute(_KNOWS, told).one()
        return bool(found[0]), bool(found[1]), procedure is None or bool(found[2])

    def offices(self) -> list[Office]:
        """Return every office in code order."""
        return [_office(row) for row in self._connection.execute(select(t.offices).order_by(_O.code))]

    def subtree(self, code: OfficeCode) -> frozenset[OfficeCode]:
        """Return the office, what is under it, and what these succeed; a cycle ends where it began."""
        under = select(_O.code).where(_O.code == code).cte("under", recursive=True)
        child = t.offices.alias("child")
        under = under.union(
            select(child.c.code).join(under, or_(child.c.parent == under.c.code, child.c.successor == under.c.code))
        )
        return frozenset(OfficeCode(row.code) for row in self._connection.execute(select(under.c.code)))

    def result_type(self, code: ResultTypeCode) -> ResultType | None:
        """Return one result type."""
        row = self._connection.execute(_RESULT_TYPE, {"code": code}).one_or_none()
        return _result_type(row) if row is not None else None

    def result_types(self) -> list[ResultType]:
        """Return every result type in code order."""
        query = select(t.result_types).order_by(t.result_types.c.code)
        return [_result_type(row) for row in self._connection.execute(query)]

    def procedure(self, code: ProcedureCode) -> Procedure | None:
        """Return one procedure."""
        row = self._connection.execute(_PROCEDURE, {"code": code}).one_or_none()
        if row is None:
            return None
        return Procedure(
            ProcedureCode(row.code),
            row.name,
            tuple(ResultTypeCode(kind) for kind in json.loads(row.result_types)),
        )


def _office(row: Row[Any]) -> Office:
    return Office(
        code=OfficeCode(row.code),
        name=row.name,
        parent=OfficeCode(row.parent) if row.parent else None,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        successor=OfficeCode(row.successor) if row.successor else None,
    )


def _result_type(row: Row[Any]) -> ResultType:
    return ResultType(ResultTypeCode(row.code), row.name, row.name_en)
