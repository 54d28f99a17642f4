"""Canonical JSON: one value, one run of bytes (RFC 8785), so that a digest of a value means something."""

from __future__ import annotations

import rfc8785

from archive_service.model.events import Json


def canonical_json(value: Json) -> bytes:
    """Return the canonical bytes of a JSON value (RFC 8785 §3.2).

    Raises ValueError for a number outside ±(2⁵³ − 1) or a lone surrogate: it has no canonical form.

    >>> canonical_json({"b": 1, "a": "đ"}).decode()
    '{"a":"đ","b":1}'
    """
    return rfc8785.dumps(value)
