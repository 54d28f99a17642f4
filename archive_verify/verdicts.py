"""What a check can come to, and how single findings make up a step's verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from archive_verify.errors import Refused, Undecided


class Verdict(StrEnum):
    """PASS: it holds. FAIL: it does not, or could not be read. UNKNOWN: it could not be told, which is never fine."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


@dataclass(slots=True)
class Findings:
    """What one step found out. Every part is looked at, so that one failure does not hide another."""

    refused: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def part(self) -> Iterator[None]:
        """Run one part of a step: what it raises becomes a finding, whatever it is."""
        try:
            yield
        except Refused as refused:
            self.refused.append(str(refused))
        except Undecided as undecided:
            self.undecided.append(str(undecided))
        except Exception as thrown:  # noqa: BLE001  # The outermost place: whatever a parser throws is a failure.
            self.refused.append(f"It could not be read ({type(thrown).__name__}).")

    @property
    def verdict(self) -> Verdict:
        """FAIL when anything was refused, else UNKNOWN when anything was undecided, else PASS."""
        if self.refused:
            return Verdict.FAIL
        return Verdict.UNKNOWN if self.undecided else Verdict.PASS

    @property
    def details(self) -> list[str]:
        """One English sentence for each thing found, the gravest first, none twice."""
        return list(dict.fromkeys([*self.refused, *self.undecided, *self.notes]))
