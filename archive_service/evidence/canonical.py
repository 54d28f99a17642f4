"""Canonical JSON: one value, one run of bytes (RFC 8785), so that a digest of a value means something."""

from __future__ import annotations

import json

import rfc8785

from archive_service.model.events import Json

# Integers beyond have no canonical form: a double does not tell them from their neighbours (RFC 8785 §3.2.2.3).
_LARGEST = 2**53 - 1

_plain = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical_json(value: Json) -> bytes:
    """Return the canonical bytes of a JSON value (RFC 8785 §3.2).

    Raises ValueError for a number outside ±(2⁵³ − 1) or a lone surrogate: it has no canonical form.

    >>> canonical_json({"b": 1, "a": "đ"}).decode()
    '{"a":"đ","b":1}'
    """
    # Of nearly all that is kept the interpreter's own writer gives the same bytes, in a tenth of the time.
    return _plain.encode(value).encode() if _is_plain(value) else rfc8785.dumps(value)


def _is_plain(value: Json) -> bool:
    """Whether there is nothing in it that RFC 8785 writes in its own way: no fractions, no names beyond ASCII."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_LARGEST <= value <= _LARGEST  # type: ignore[operator]
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_plain(one) for name, one in value.items())  # type: ignore[union-attr]
    return kind is list and all(map(_is_plain, value))  # type: ignore[arg-type]
