"""The embedded index's fields: what a document becomes in tantivy, and the numbers it is sorted and paged by.

A record id is 128 bits and a sortable column has 64, so an id is kept in two columns, and an order by date is
one column of the day and the leading bits of the id. Every number here grows with what it stands for, so that
a column's order never contradicts the full order; where two are equal, the full id decides.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import tantivy

from archive_service.search.document import IndexFields

_WORD_FIELDS = ("exact", "folded", "name", "name_folded")
_TERM_FIELDS = ("keys", "codes", "subject", "dossier", "access_level")
_COUNTED_FIELDS = ("office", "result_type", "trust", "state")

# 64 bits: 22 hold every day of the calendar (year 9999 has ordinal 3,652,059), 42 the id's leading bits.
_DAY_BITS = 22
_ID_BITS = 64 - _DAY_BITS
NO_DAY = (1 << _DAY_BITS) - 1
_LOW_HALF = (1 << 64) - 1

# Equal scores are common: the engine keeps a document's length in one byte. A share of a score that is far
# below any difference that matters, different for 64 groups of records, keeps runs of equal scores short
# enough to be put in id order while paging. The step is four units of single precision at 2, to which the
# engine adds it.
SHARES = 64
SHARE_STEP = 2.0**-20


def schema() -> tantivy.Schema:
    """Return the schema of this version. Words arrive joined by blanks and are split there only."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("record", tokenizer_name="raw", index_option="basic")
    for name in _WORD_FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    for name in _TERM_FIELDS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in _COUNTED_FIELDS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("id_high", "id_low", "newest", "oldest"):
        builder.add_unsigned_field(name, fast=True)
    for name in ("issued_day", "stored_day", "year"):
        builder.add_unsigned_field(name, fast=True)
    builder.add_float_field("share", fast=True)
    return builder.build()


def to_tantivy(fields: IndexFields) -> tantivy.Document:
    """Return the document that the engine is given."""
    number = _number_of(fields.record_id)
    document = tantivy.Document()
    document.add_text("record", fields.record_id)
    for name in (*_WORD_FIELDS, *_COUNTED_FIELDS, "subject", "access_level"):
        document.add_text(name, getattr(fields, name))
    for key in fields.keys:
        document.add_text("keys", key)
    for code in fields.codes:
        document.add_text("codes", code)
    document.add_unsigned("id_high", number >> 64)
    document.add_unsigned("id_low", number & _LOW_HALF)
    document.add_unsigned("newest", SortKey.newest(fields.issued_day, fields.record_id).column)
    document.add_unsigned("oldest", SortKey.oldest(fields.issued_day, fields.record_id).column)
    document.add_unsigned("stored_day", fields.stored_day)
    document.add_float("share", (zlib.crc32(fields.record_id.encode()) % SHARES) * SHARE_STEP)
    if fields.dossier is not None:
        document.add_text("dossier", fields.dossier)
    if fields.issued_day is not None:
        document.add_unsigned("issued_day", fields.issued_day)
    if fields.year is not None:
        document.add_unsigned("year", fields.year)
    return document


class SortKey(NamedTuple):
    """A place in an order by column: the column's value, then the whole id."""

    column: int
    number: int

    @staticmethod
    def newest(day: int | None, record_id: str) -> SortKey:
        """Return the place in the order that is read downwards: latest day first, no day last."""
        return _by_day(0 if day is None else day, _number_of(record_id))

    @staticmethod
    def oldest(day: int | None, record_id: str) -> SortKey:
        """Return the place in the order that is read upwards: earliest day first, no day last."""
        return _by_day(NO_DAY if day is None else day, _number_of(record_id))

    @staticmethod
    def by_id(record_id: str) -> SortKey:
        """Return the place in the order of ids."""
        number = _number_of(record_id)
        return SortKey(number >> 64, number)


def _number_of(record_id: str) -> int:
    return int(record_id.replace("-", ""), 16)  # as UUID has it, in a third of the time


def _by_day(day: int, number: int) -> SortKey:
    return SortKey((day << _ID_BITS) | (number >> (128 - _ID_BITS)), number)


def day_of(column: int) -> int | None:
    """Return the day of a ``newest`` or ``oldest`` column value, None for none."""
    day = column >> _ID_BITS
    return None if day in (0, NO_DAY) else day
