"""Errors as answers: one table from error to HTTP status, and RFC 9457 problem documents in two languages.

No answer ever carries a stack trace, a secret or another office's data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from archive_service.api.present import disposal_links
from archive_service.errors import (
    ArchiveError,
    Conflict,
    Gone,
    IntegrityFailure,
    InvalidInput,
    Message,
    Misconfigured,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Rejected,
    TooLarge,
    TooSlow,
    Unavailable,
    UnsupportedMediaType,
)

log = structlog.get_logger("api")

# Every error class that a step may raise, and its status. A test holds this against errors.py.
STATUS: Mapping[type[ArchiveError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Gone: HTTPStatus.GONE,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Rejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    IntegrityFailure: HTTPStatus.INTERNAL_SERVER_ERROR,
    Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_INTERNAL = Message(
    "Something went wrong in the archive. Send the same request again; if it happens again, give the operator the "
    "request id.",
    "Hệ thống lưu trữ gặp sự cố. Hãy gửi lại đúng yêu cầu này; nếu vẫn lỗi, hãy báo mã yêu cầu cho quản trị viên.",
)
# What Flask itself answers, in two languages.
_OF_HTTP = {
    404: Message("There is nothing at this address.", "Không có gì tại địa chỉ này."),
    405: Message("This address does not take this method.", "Địa chỉ này không nhận phương thức này."),
    413: Message("The body is too large.", "Nội dung yêu cầu quá lớn."),
}


def install(app: Flask) -> None:
    """Let the app answer every error as a problem document."""
    app.register_error_handler(ArchiveError, _answer_archive_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_unknown)


def status_of(error: ArchiveError) -> HTTPStatus:
    """Return the status of an error, by its class."""
    return STATUS[type(error)]


def _answer_archive_error(error: ArchiveError) -> Response:
    status = status_of(error)
    fields: dict[str, Any] = dict(error.details)
    if isinstance(error, InvalidInput) and error.problems:
        fields["errors"] = [{"field": p.field, "message": _both(p.message)} for p in error.problems]
    if isinstance(error, Rejected):
        fields["findings"] = [
            {"code": r.code, "message": _both(r.message), "detail": dict(r.detail)} for r in error.reasons
        ]
    if isinstance(error, Gone) and fields.get("disposal_id"):
        fields["links"] = disposal_links(str(fields["disposal_id"]))
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
        fields["retry_after_seconds"] = error.retry_after_seconds
    elif "retry_after_seconds" in fields:
        headers["Retry-After"] = str(fields["retry_after_seconds"])
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Basic realm="archive", charset="UTF-8", Bearer realm="archive"'
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", code=error.code, record=fields.get("record_id"))
    return problem(status, error.code, error.message, fields, headers)


def _answer_http_error(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    if isinstance(error, RequestEntityTooLarge):
        return problem(status, TooLarge.code, _OF_HTTP[413])
    message = _OF_HTTP.get(status, Message(error.description or status.phrase, f"Lỗi HTTP {int(status)}."))
    return problem(status, status.phrase.lower().replace(" ", "-"), message)


def _answer_unknown(error: Exception) -> Response:
    # The outermost place of a request: whatever nobody foresaw is logged and answered without its words.
    log.error("request failed", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", _INTERNAL)


def problem(
    status: HTTPStatus,
    code: str,
    message: Message,
    fields: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document (RFC 9457) with ``detail`` in English and ``detail_vi`` in Vietnamese."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": message.en,
        "detail_vi": message.vi,
        "instance": request.path,
        "request_id": g.get("request_id"),
        **(fields or {}),
    }
    # A field's name may come from the request, and hold half a character that cannot be written.
    text = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    answer = Response(text, status=int(status), mimetype="application/problem+json")
    answer.headers.update(headers or {})
    return answer


def _both(message: Message) -> dict[str, str]:
    return {"en": message.en, "vi": message.vi}
