"""A running service for each journey, with reference data and a caller who may do everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from archive_service.model.permissions import Role
from tests.journeys.auditor import Auditor
from tests.journeys.columns import Column, settings_of
from tests.pdf.signing import agency_root, stamp_root
from tests.running import PROJECT, RunningService, hand_over, running_service


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person sits: the running service, a key with every role, a folder for files, and an auditor beside."""

    service: RunningService
    http: httpx.Client
    key: str
    folder: Path
    column: Column
    auditor: Auditor

    def client_settings(self) -> dict[str, str]:
        """Return what the commands of clients need to know."""
        return {"ARCHIVE_URL": self.service.url, "ARCHIVE_API_KEY": self.key}


@pytest.fixture
def desk(column: Column, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Run the service on a column of real parts, load the example reference data, and make a key."""
    hand_over(tmp_path)
    auditor = Auditor.with_a_key(tmp_path / "auditor")
    settings = {
        **settings_of(column, tmp_path, request),
        "ARCHIVE_WITNESS_KEYS_FILE": str(auditor.verifier_key_file),
        "ARCHIVE_AGENCY_TRUST_DIR": str(agency_root().trusted_in(tmp_path / "agencies")),
        "ARCHIVE_TSA_TRUST_DIR": str(stamp_root().trusted_in(tmp_path / "authorities")),
    }
    with running_service(settings, tmp_path) as service:
        loaded = service.run("load-reference", str(PROJECT / "examples" / "reference"), "--json")
        assert loaded.code == 0, loaded.err
        assert loaded.json["offices"] > 0
        roles = [option for role in Role for option in ("--role", str(role))]
        made = service.run("api-key", "create", "--name", "journey", "--office", "BHXH", *roles, "--json")
        assert made.code == 0, made.err
        key = made.json["key"]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=f"{service.url}/api/v1", headers=headers, timeout=60) as http:
            yield Desk(service, http, key, tmp_path, column, auditor)
