"""scripts/mutate counts every change of every rule. The counting itself is left to it: it takes too long here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[1]

EXAMPLE = """\
LIMIT = 1

class Kept:
    days: int = 2

    @property
    def is_long(self):
        return self.days > LIMIT

    def is_short(self):
        return self.days < LIMIT

def double(days):
    return days * 2
"""


@pytest.fixture
def settings() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    return found


def test_all_rules_are_changed_and_all_their_tests_are_run(settings: dict[str, Any]) -> None:
    assert settings["source_paths"] == ["retention"]
    assert settings["pytest_add_cli_args_test_selection"] == ["tests/retention"]
    assert not settings.keys() & {"only_mutate", "do_not_mutate", "do_not_mutate_patterns", "mutate_only_covered_lines"}
    assert all((PROJECT / name).exists() for name in settings["also_copy"])


def test_no_rule_is_excused() -> None:
    assert [path.name for path in (PROJECT / "retention").glob("*.py") if "no mutate" in path.read_text("utf-8")] == []


def test_a_changed_rule_is_never_read_before_it_is_changed(settings: dict[str, Any]) -> None:
    preloaded = (PROJECT / settings["preload_modules_file"]).read_text("utf-8").split("\n")
    ours = {"archive_service", "archive_verify", "retention", "tests"}
    assert "pytest" in preloaded
    assert not ours & {name.partition(".")[0] for name in preloaded}


def test_what_mutmut_leaves_out_is_changed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    monkeypatch.chdir(tmp_path)
    from mutation.rest import changes

    Path("kept.py").write_text(EXAMPLE, "utf-8")
    assert [change.diff().split("\n")[1].strip("+ ") for change in changes(Path("kept.py"))] == [
        "LIMIT = None",
        "LIMIT = 2",
        "days: int = None",
        "days: int = 3",
        "return self.days >= LIMIT",
    ]
