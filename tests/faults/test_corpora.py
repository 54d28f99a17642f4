"""Every file of the corpora through the whole service: a typed answer each, and no process of the service dies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from archive_service.model.findings import FindingCode
from examples.results import ExampleResult, Form
from tests.faults.place import Place, results
from tests.running import wait_for

FILES = 320

# Of the ordinary files: one has a password, and two act or carry something, so that a person decides (tests/pdf).
EXPECTED_OF_ORDINARY: Mapping[str, str] = {
    "005-libreoffice-writer-password__libreoffice-writer-password.pdf": "refused",
    "010-pdflatex-forms__pdflatex-forms.pdf": "quarantined",
    "025-attachment__with-attachment.pdf": "quarantined",
}
COULD_NOT_TELL = {FindingCode.CHECK_FAILED, FindingCode.CHECK_TOOK_TOO_LONG}


def outcome_of(answer: httpx.Response) -> str:
    """Return the state of the record, or that it was refused with reasons; anything else fails."""
    body = answer.json()
    if answer.status_code == 201:
        assert body["state"] in {"stored", "quarantined"}
        return str(body["state"])
    assert (answer.status_code, body["code"]) == (422, "rejected"), answer.text
    assert body["findings"]
    return "refused"


@pytest.mark.timeout(280)
def test_every_file_ends_in_a_typed_answer_and_no_process_dies(embedded: Place, shared_data: Path) -> None:
    files = sorted(path for path in (shared_data / "pdf").rglob("*") if path.is_file())
    assert len(files) == FILES
    said = next(results(seed=16)).metadata
    with embedded.running() as service, embedded.client(service) as http:
        wait_for("the worker runs", lambda: service.processes("archive_service worker"))
        before = set(service.serving()) | set(service.processes("archive_service worker"))

        def deposit(path: Path) -> httpx.Response:
            name = hashlib.sha256(str(path).encode()).hexdigest()
            return embedded.deposit(http, ExampleResult(name, path.read_bytes(), of(path, said), Form.SIGNED))

        with ThreadPoolExecutor(4) as threads:
            answers = dict(zip(files, threads.map(deposit, files), strict=True))
        outcomes = {path: outcome_of(answer) for path, answer in answers.items()}
        after = set(service.serving()) | set(service.processes("archive_service worker"))
        assert before <= after
        assert http.get(f"{service.url}/health/ready").is_success
    ordinary = {path.name: one for path, one in outcomes.items() if path.parent.name == "ordinary"}
    assert {name: one for name, one in ordinary.items() if one != "stored"} == EXPECTED_OF_ORDINARY
    codes = {finding["code"] for answer in answers.values() for finding in answer.json().get("findings", ())}
    assert not codes & COULD_NOT_TELL
    assert embedded.problems(searchable=False) == []


def of(path: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a file: its subject is its own, so that files with the same bytes do not meet."""
    number = int.from_bytes(hashlib.sha256(str(path).encode()).digest()[:4], "big")
    identifier = {"scheme": "social-insurance", "number": f"{number:010d}"}
    return {**said, "subject": {"kind": "person", "name": "Lê Thị Sen", "identifiers": [identifier]}}
