"""Who asks: established once a request from its key, before anything else is looked at."""

from __future__ import annotations

import time
from threading import Lock

from flask import Flask, g, request

from archive_service.errors import Message, NotAuthenticated
from archive_service.lifecycle.keys import authenticate
from archive_service.model.archive import Archive
from archive_service.model.permissions import Caller

# A key that was revoked, and an office tree that was changed, count after at most this time in every web process.
REMEMBERED_SECONDS = 5.0
_MOST_REMEMBERED = 10_000

# The only endpoints without a key.
OPEN_ENDPOINTS = frozenset({"health.live", "health.ready", "log.Checkpoint"})


class Identities:
    """Recognises keys, and remembers them for a moment so that a burst of requests asks the register once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[str, tuple[float, Caller]] = {}
        self._guard = Lock()

    def recognise(self, token: str) -> Caller:
        """Return the caller of a key. Raises NotAuthenticated, Unavailable."""
        now = time.monotonic()
        with self._guard:
            remembered = self._known.get(token)
        if remembered is not None and now - remembered[0] < REMEMBERED_SECONDS:
            return remembered[1]
        caller = authenticate(self._archive, token)
        with self._guard:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[token] = (now, caller)
        return caller


def install(app: Flask, archive: Archive) -> None:
    """Let every request but those to open endpoints establish its caller, or be refused."""
    identities = Identities(archive)

    @app.before_request
    def establish() -> None:
        if request.endpoint not in OPEN_ENDPOINTS:
            g.caller = identities.recognise(_token())


def caller() -> Caller:
    """Return who this request comes from."""
    found: Caller = g.caller
    return found


def _token() -> str:
    """Return the key of the request: Bearer, or the password of Basic, so that a browser can ask for it."""
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer" and authorization.token:
        return authorization.token
    if authorization is not None and authorization.type == "basic" and authorization.password:
        return authorization.password
    raise NotAuthenticated(
        Message("Send your key: Authorization: Bearer KEY.", "Hãy gửi khoá truy cập: Authorization: Bearer KHOÁ.")
    )
