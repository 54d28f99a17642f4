"""Fixtures of the API's tests: a service of its own for each test, and callers of the usual roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_service.model.permissions import Role
from tests.api.service import OTHER_OFFICE, ApiCaller, Service, open_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Open an archive with the API over it."""
    with open_service(tmp_path) as opened:
        yield opened


@pytest.fixture
def depositor(service: Service) -> ApiCaller:
    """Return the one-stop-shop system of the province."""
    return service.caller(Role.DEPOSITOR)


@pytest.fixture
def archivist(service: Service) -> ApiCaller:
    """Return a person of the archive of the province."""
    return service.caller(Role.ARCHIVIST)


@pytest.fixture
def auditor(service: Service) -> ApiCaller:
    """Return an auditor of the province."""
    return service.caller(Role.AUDITOR)


@pytest.fixture
def stranger(service: Service) -> ApiCaller:
    """Return a caller with every role in an office of another province."""
    return service.caller(*Role, office=OTHER_OFFICE)


@pytest.fixture
def record(service: Service, depositor: ApiCaller) -> dict[str, Any]:
    """Deposit a record, have it indexed, and return the answer to its deposit."""
    answer = depositor.deposit()
    assert answer.status_code == 201, answer.text
    service.work_off()
    body: dict[str, Any] = answer.get_json()
    return body
