"""What a caller may send that one database takes and the other does not: never a fault, never "try again"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from archive_service.model.permissions import Role
from tests import servers
from tests.api.service import ApiCaller, Service, metadata, open_service, person


@pytest.fixture(scope="module")
def on_postgresql(
    postgresql_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, ApiCaller]]:
    """Open one service on PostgreSQL for all tests here, with a caller who may do everything."""
    with (
        servers.fresh_database(postgresql_server_url) as url,
        open_service(tmp_path_factory.mktemp("postgresql"), url) as service,
    ):
        yield service, service.caller(*Role)


@pytest.mark.parametrize(
    "terms",
    [
        {"q": "\x00"},
        {"q": "a\x00b \ufeff 🦆"},
        {"office": "a\x00b"},
        {"result_type": "\x00"},
        {"dossier": "\x00"},
        {"stored_to": "9999-12-31"},
        {"stored_from": "0001-01-01"},
        {"issued_to": "9999-12-31"},
    ],
    ids=repr,
)
def test_odd_searches_are_answered(on_postgresql: tuple[Service, ApiCaller], terms: dict[str, Any]) -> None:
    answer = on_postgresql[1].get("/api/v1/search", query_string=terms)
    assert answer.status_code in {200, 400}, answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/v1/findings/{2**63 - 1}/resolution", 404),
        (f"/api/v1/subjects/merges/{2**63 - 1}/undoing", 404),
        (f"/api/v1/findings/{2**31}/resolution", 404),
    ],
)
def test_numbers_that_no_row_has_are_not_found(
    on_postgresql: tuple[Service, ApiCaller], path: str, status: int
) -> None:
    body = {"reason": "x"} if "merges" in path else {"resolution": "x"}
    assert on_postgresql[1].post(path, body).status_code == status


def test_lists_begin_anywhere(on_postgresql: tuple[Service, ApiCaller]) -> None:
    assert on_postgresql[1].get(f"/api/v1/findings?after={2**62}").get_json() == {"findings": [], "next": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"office": "a\x00b"},
        {"summary": "a\x00b"},
        {"subject": {**person("0123456789"), "birth_date": "0001-01-01"}},
        {"issued_on": "9999-12-31"},
        {"paper_location": "🦆" * 100},
        {"document_number": "\u0301" * 60},
    ],
    ids=repr,
)
def test_odd_metadata_are_taken_or_told(on_postgresql: tuple[Service, ApiCaller], changes: dict[str, Any]) -> None:
    key = str(abs(hash(repr(changes))))
    answer = on_postgresql[1].deposit(f"%PDF-{key}".encode(), metadata(**changes), key=key)
    assert answer.status_code in {201, 400}, answer.text


@pytest.mark.parametrize("token", ["archive_\x7f_x", "archive_%00_x", "archive_" + "9" * 5000])
def test_odd_keys_are_refused(on_postgresql: tuple[Service, ApiCaller], token: str) -> None:
    answer = on_postgresql[0].nobody().get("/api/v1/docs", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_key_with_a_zero_byte_in_basic_authentication_is_refused(on_postgresql: tuple[Service, ApiCaller]) -> None:
    answer = on_postgresql[0].nobody().get("/api/v1/docs", auth=("anyone", "archive_\x00_x"))
    assert answer.status_code == 401, answer.text
