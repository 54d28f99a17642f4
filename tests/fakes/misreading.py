"""Answers of a register or store that are wrong for a while, as a fault on the way would make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Change = Callable[[Any], Any]
ALWAYS = 1_000_000


def misread(patch: pytest.MonkeyPatch, owner: Any, name: str, change: Change, times: int) -> None:
    """Let a method answer wrongly the first times that ``change`` makes any difference to what it answers."""
    read, told = getattr(owner, name), list[Any]()

    def wrongly(*args: Any, **options: Any) -> Any:
        right = read(*args, **options)
        wrong = change(right)
        if wrong == right or len(told) >= times:
            return right
        told.append(wrong)
        return wrong

    patch.setattr(owner, name, wrongly)
