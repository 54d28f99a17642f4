"""What of the log is time-stamped: documents, each group with the entry that commits to them.

A deposit commits to its original; the end of a disposal to the certificate and to the sealed paper that was printed of
it. Every document is known by the digests that its event states, so that nothing is read from the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from archive_service.model.events import Event, EventType, LoggedEvent

# Canonical JSON, and no value of an entry is free text: each is in the bytes of such an entry and in no other's.
_COMMITTING = tuple(f'"type":"{type_}"'.encode() for type_ in (EventType.DEPOSITED, EventType.DISPOSAL_CERTIFIED))


def commits_to_documents(entry: bytes) -> bool:
    """Whether the entry is of a kind that commits to documents. It is asked of every entry, so nothing is parsed.

    >>> commits_to_documents(b'{"type":"disposal-certified"}'), commits_to_documents(b'{"type":"disposed"}')
    (True, False)
    """
    return any(mark in entry for mark in _COMMITTING)


def object_digests(logged: LoggedEvent, algorithm: Literal["sha256", "sha512"]) -> list[bytes]:
    """Return the digests of the documents that the entry commits to, and of the entry last.

    That of the entry alone where its payload was erased: with it went what said which documents.
    """
    documents = _documents(logged.event) if logged.event is not None else []
    return [
        *(bytes.fromhex(str(document[algorithm])) for document in documents),
        hashlib.new(algorithm, logged.entry).digest(),
    ]


def _documents(event: Event) -> list[Mapping[str, Any]]:
    values: Mapping[str, Any] = event.values
    match event.type:
        case EventType.DEPOSITED:
            return [values]
        case EventType.DISPOSAL_CERTIFIED:
            return [document for document in (values["certificate"], values.get("paper")) if document is not None]
        case _:
            return []
