"""docs/api.md against the service: every endpoint, every search parameter and every problem code stands in it."""

from __future__ import annotations

import re
from pathlib import Path

from archive_service.api.answers import RecordSchema
from archive_service.api.requests import MetadataSchema, SearchArguments
from archive_service.errors import ArchiveError
from archive_service.model.identifiers import IdentifierScheme
from tests.api.service import Service
from tests.running import PROJECT

PACKAGE = PROJECT / "archive_service"
TEXT = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_endpoint_is_described(service: Service) -> None:
    for rule in service.app.url_map.iter_rules():
        path = str(rule).removeprefix("/api/v1")
        path = re.sub(r"<(?:int\([^)]*\):|path:|uuid:)?(\w+)>", lambda found: "{" + _short(found[1]) + "}", path)
        if path != "/docs/{name}":
            assert path in TEXT, path


def _short(name: str) -> str:
    return "id" if name.endswith("_id") else name


def test_every_search_parameter_is_described() -> None:
    for name in SearchArguments().fields:
        assert f"`{name}`" in TEXT or f"{name}=" in TEXT, name


def test_every_field_of_metadata_and_records_is_described() -> None:
    for name in (*MetadataSchema().fields, *RecordSchema().fields):
        assert f'"{name}"' in TEXT or f"`{name}`" in TEXT, name
    for scheme in IdentifierScheme:
        assert f"`{scheme}`" in TEXT


def test_every_problem_code_is_described() -> None:
    codes = {kind.code for kind in ArchiveError.__subclasses__() if kind.__module__ == "archive_service.errors"}
    for file in _files_of_the_api():
        codes |= set(re.findall(r'code="([a-z]+(?:-[a-z]+)+)"', file.read_text(encoding="utf-8")))
    # Raised always with a code of its own; met only by an operator; and the root of them all.
    codes -= {"conflict", "misconfigured", "object-not-readable", "archive-error"}
    assert {code for code in codes if f"`{code}`" not in TEXT} == set()


def _files_of_the_api() -> set[Path]:
    """Return the modules of the API, the steps they call, and what those call in turn."""
    found: set[Path] = set()
    new = set((PACKAGE / "api").glob("*.py"))
    while new:
        found |= new
        imported = {name for file in new for name in _imported(file.read_text(encoding="utf-8"))}
        new = {path for path in (PACKAGE / f"{name}.py" for name in imported) if path.exists()} - found
    return found


def _imported(source: str) -> set[str]:
    """Return the steps and nouns that a module imports, as paths in the package without suffix."""
    plain = re.findall(r"from archive_service\.((?:lifecycle|model)\.[\w.]+) import", source)
    grouped = re.findall(r"from archive_service\.((?:lifecycle|model)[\w.]*) import ([\w, ]+)", source)
    named = {f"{folder}.{name.strip()}" for folder, names in grouped for name in names.split(",")}
    return {one.replace(".", "/") for one in (*named, *plain)}
