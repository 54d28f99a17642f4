"""The service against requests made up from its own description: whatever comes in, no answer is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from archive_service.model.permissions import Role
from tests.api.service import Service, open_service

EXAMPLES = 8
"""Requests for each endpoint."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Open one service for every made-up request."""
    with open_service(tmp_path_factory.mktemp("schema")) as opened:
        yield opened


def test_description_can_be_used_and_no_request_made_from_it_is_a_fault(service: Service) -> None:
    headers = {"Authorization": f"Bearer {service.token(*Role)}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", service.app, headers=headers)
    asked = []
    for operation in (result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)):
        strategy: st.SearchStrategy[Any] = operation.as_strategy()

        @given(case=strategy)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            answer = case.call(headers=headers)
            asked.append(answer.status_code)
            assert answer.status_code < 500, f"{case.method} {case.path}: {answer.text}"

        ask()
    assert len(asked) > 100
    assert set(asked) & {200, 201}
