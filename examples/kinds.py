"""The kinds of result that the examples show. Their words stand in kinds.toml, one table a kind."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS_FILE = Path(__file__).with_name("kinds.toml")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of result.

    ``amount_range`` is in thousands of đồng. A kind about an employer has no person in it, one with a history
    shows a table of contributions.
    """

    slug: str
    result_type: str
    procedure: str
    title: str
    notation: str
    summary: str
    grounds: tuple[str, ...]
    articles: tuple[str, ...]
    amount_range: tuple[int, int] = (1_000, 2_000)
    is_for_employer: bool = False
    has_history: bool = False

    @property
    def is_decision(self) -> bool:
        """Whether the document decides by articles, rather than states or informs."""
        return self.title == "QUYẾT ĐỊNH"


def load_kinds() -> tuple[Kind, ...]:
    """Return the kinds in the order of the file.

    >>> load_kinds()[0].summary
    'Về việc hưởng lương hưu hằng tháng'
    """
    tables = tomllib.loads(KINDS_FILE.read_text(encoding="utf-8"))["kinds"]
    return tuple(_kind(table) for table in tables)


def _kind(table: dict[str, Any]) -> Kind:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    return Kind(**values)
