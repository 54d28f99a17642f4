"""The errors that may leave a step or an adapter, in one tree.

Every error has a stable ``code``, a message in English and Vietnamese that says what to do next, and says whether
trying again can help. Nothing here knows of HTTP or of exit codes; the entrances translate by one table each.
Messages never carry secrets, document content or personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for a person, in English and in Vietnamese."""

    en: str
    vi: str


Detail = str | int | bool | None | list[str]


class ArchiveError(Exception):
    """The root of every error that a step or an adapter lets out."""

    code: ClassVar[str] = "archive-error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: Message, *, code: str | None = None, **details: Detail) -> None:
        super().__init__(message.en)
        self.message = message
        self.details: Mapping[str, Detail] = details
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may be more specific than its class


class NotFound(ArchiveError):
    """What was asked for does not exist, or the caller may not know that it does."""

    code = "not-found"


class Gone(ArchiveError):
    """What was asked for was here and is not kept any more; asking again never helps."""

    code = "gone"


class NotAuthenticated(ArchiveError):
    """The caller did not say who it is, or its key is unknown, revoked or expired."""

    code = "not-authenticated"


class NotAllowed(ArchiveError):
    """The caller is known and may not do this."""

    code = "not-allowed"


class Conflict(ArchiveError):
    """The request contradicts what the archive holds: version, hold, already held, key reused."""

    code = "conflict"


class PreconditionFailed(ArchiveError):
    """If-Match names another version than the current one."""

    code = "precondition-failed"


class PreconditionRequired(ArchiveError):
    """The request must say which version it changes (If-Match), or carry an Idempotency-Key."""

    code = "precondition-required"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of the input; ``field`` is a dotted path such as ``subject.identifiers.0``."""

    field: str
    message: Message


class InvalidInput(ArchiveError):
    """The request cannot be read as what it should be; ``problems`` names each field."""

    code = "invalid-input"

    def __init__(self, message: Message, *, problems: tuple[FieldProblem, ...] = (), code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.problems = problems


class UnsupportedMediaType(ArchiveError):
    """The body is of a kind that this endpoint does not read."""

    code = "unsupported-media-type"


class TooLarge(ArchiveError):
    """The body is over the configured limit."""

    code = "too-large"


class TooSlow(ArchiveError):
    """The body came in so slowly that it was cut off; the same request may be sent again."""

    code = "too-slow"
    retryable = True


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was refused: a finding's code and its sentence."""

    code: str
    message: Message
    detail: Mapping[str, str | int] = field(default_factory=dict)


class Rejected(ArchiveError):
    """The document was read and is refused; ``reasons`` holds each finding that led to it."""

    code = "rejected"

    def __init__(self, message: Message, *, reasons: tuple[Reason, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


class Unavailable(ArchiveError):
    """A part the request needs is down; the same request may be sent again after ``retry_after_seconds``."""

    code = "unavailable"
    retryable = True

    def __init__(
        self, message: Message, *, component: str, retry_after_seconds: int = 5, code: str | None = None
    ) -> None:
        super().__init__(message, code=code, component=component)
        self.component = component
        self.retry_after_seconds = retry_after_seconds


class IntegrityFailure(ArchiveError):
    """Bytes that were read are not the bytes that were recorded. Always an alarm."""

    code = "integrity-failure"


class Misconfigured(ArchiveError):
    """A setting or reference file is wrong; the service or command cannot go on until an operator mends it."""

    code = "misconfigured"


# The parts of the archive as a person knows them, as in docs/glossary.md.
COMPONENTS_VI = {
    "register": "Sổ đăng ký",
    "store": "Kho đối tượng",
    "index": "Chỉ mục tìm kiếm",
    "staging": "Vùng tiếp nhận tạm",
    "pdf": "Bộ đọc PDF",
}


def unavailable(component: str, *, retry_after_seconds: int = 5) -> Unavailable:
    """Return the error for a part that does not answer, worded for the person who waits.

    >>> unavailable("store").component
    'store'
    """
    return Unavailable(
        Message(
            f"The {component} does not answer at the moment. Nothing was lost; send the same request again.",
            f"{COMPONENTS_VI.get(component, component)} hiện không phản hồi. "
            "Không có gì bị mất; hãy gửi lại đúng yêu cầu này.",
        ),
        component=component,
        retry_after_seconds=retry_after_seconds,
    )
