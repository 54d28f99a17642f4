"""Reference data that an operator loads: offices as a tree, result types, procedures."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode


@dataclass(frozen=True, slots=True)
class Office:
    """An office with its place in the tree and in time. After a merger ``successor`` answers for its records."""

    code: OfficeCode
    name: str
    parent: OfficeCode | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    successor: OfficeCode | None = None


@dataclass(frozen=True, slots=True)
class ResultType:
    """A kind of result that a procedure ends with."""

    code: ResultTypeCode
    name: str
    name_en: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """A kind of dossier, and the kinds of result it may end with."""

    code: ProcedureCode
    name: str
    result_types: tuple[ResultTypeCode, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """A set of reference data as one file or folder states it."""

    offices: tuple[Office, ...] = ()
    result_types: tuple[ResultType, ...] = ()
    procedures: tuple[Procedure, ...] = ()
