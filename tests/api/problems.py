"""Reading problem documents in tests."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse


def assert_problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is a problem document in both languages, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.get_json()
    assert problem["status"] == status
    assert problem["code"] == code, problem
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    assert problem["detail_vi"]
    assert problem["detail"] != problem["detail_vi"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    return problem


def wrong_fields(problem: dict[str, Any]) -> list[str]:
    """Return the names of the wrong fields, sorted; each has its sentence in both languages."""
    for row in problem["errors"]:
        assert row["message"]["en"]
        assert row["message"]["vi"]
        assert row["message"]["en"] not in row["message"]["vi"]
    return sorted({row["field"] for row in problem["errors"]})
