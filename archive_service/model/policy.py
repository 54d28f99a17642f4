"""What findings lead to: the archive's own table, and an operator's lines in place of its own.

An operator's file (``ARCHIVE_FINDING_POLICY_FILE``) may change any line of the table, and say of signatures what they
lead to by result type and by how the result came to be electronic (Decree 30/2020 Art. 25: a digitised result has the
value of the original when it carries the agency's signature). The first rule that fits and says anything decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from archive_service.model.findings import DEFAULT_OUTCOMES, SEVERITY, Finding, FindingCode, Outcome
from archive_service.model.record import RecordMetadata, Trust

# The names that a rule of the operator's file uses for what it speaks of.
_DEFECTS: Mapping[str, FindingCode] = {
    "altered": FindingCode.SIGNATURE_ALTERED,
    "invalid": FindingCode.SIGNATURE_INVALID,
    "unreadable": FindingCode.SIGNATURE_UNREADABLE,
    "undecided": FindingCode.SIGNATURE_UNDECIDED,
    "untrusted": FindingCode.SIGNATURE_UNTRUSTED,
}


class Unsigned(StrEnum):
    """What becomes of a result that carries no signature."""

    ACCEPT = "accept"  # it needs none
    SEAL = "seal"  # it is accepted, and the archive seals a rendition of it; where it cannot, as quarantine
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """What signatures lead to for some results. ``result_types`` are patterns with ``*``; none at all fits every one.

    ``missing`` is None where the rule says nothing of results without a signature.
    """

    result_types: tuple[str, ...] = ()
    trust: tuple[Trust, ...] = ()
    outcomes: Mapping[FindingCode, Outcome] = field(default_factory=dict)
    missing: Unsigned | None = None

    def fits(self, metadata: RecordMetadata) -> bool:
        """Whether the rule speaks of this result."""
        of_type = not self.result_types or any(fnmatchcase(metadata.result_type, one) for one in self.result_types)
        return of_type and (not self.trust or metadata.trust in self.trust)


# A digitised result carries the agency's signature, or the archive puts its seal on a rendition: what somebody else
# signed is neither, and a person decides.
DEFAULT_SIGNATURE_RULES: tuple[SignatureRule, ...] = (
    SignatureRule(
        trust=(Trust.DIGITISED, Trust.MIXED),
        outcomes={FindingCode.SIGNATURE_UNTRUSTED: Outcome.QUARANTINE},
        missing=Unsigned.SEAL,
    ),
)


@dataclass(frozen=True, slots=True)
class FindingPolicy:
    """Which finding leads to which outcome. ``signature_rules`` are the operator's, before the archive's own."""

    outcomes: Mapping[FindingCode, Outcome] = field(default_factory=lambda: DEFAULT_OUTCOMES)
    signature_rules: tuple[SignatureRule, ...] = ()

    def of(self, metadata: RecordMetadata) -> FindingPolicy:
        """Return the policy for one result, what the signature rules say of it put into its table."""
        said: dict[FindingCode, Outcome] = {}
        for rule in self._rules_for(metadata):
            said = {**rule.outcomes, **said}
        missing = self.without_signature(metadata)
        if missing in (Unsigned.QUARANTINE, Unsigned.REFUSE):
            said[FindingCode.SIGNATURE_MISSING] = Outcome(missing)
        return FindingPolicy({**self.outcomes, **said}, self.signature_rules)

    def without_signature(self, metadata: RecordMetadata) -> Unsigned:
        """Return what becomes of a result of this type and origin that carries no signature."""
        said = (rule.missing for rule in self._rules_for(metadata) if rule.missing is not None)
        return next(said, Unsigned.ACCEPT)

    def seals(self, metadata: RecordMetadata) -> bool:
        """Whether the archive puts its seal on a rendition of such a result, where it carries no signature."""
        return self.without_signature(metadata) is Unsigned.SEAL

    def outcome_of(self, finding: Finding) -> Outcome:
        """Return what one finding leads to."""
        return self.outcomes[finding.code]

    def decide(self, findings: tuple[Finding, ...]) -> Outcome:
        """Return the most severe outcome of all findings; none at all is accepted.

        >>> FindingPolicy().decide((Finding(FindingCode.JAVASCRIPT), Finding(FindingCode.LOW_RESOLUTION)))
        <Outcome.QUARANTINE: 'quarantine'>
        """
        return max((self.outcome_of(f) for f in findings), key=SEVERITY.__getitem__, default=Outcome.ACCEPT)

    def _rules_for(self, metadata: RecordMetadata) -> tuple[SignatureRule, ...]:
        return tuple(rule for rule in (*self.signature_rules, *DEFAULT_SIGNATURE_RULES) if rule.fits(metadata))


def policy_from(file: Mapping[str, Any]) -> FindingPolicy:
    """Return the policy that an operator's file states.

    Its table ``outcomes`` maps a finding's code to an outcome; its list ``signatures`` holds rules, the first that fits
    first. Raises ValueError for a name that is none of ours: a mistyped line must not be lost quietly.
    """
    if unknown := set(file) - {"outcomes", "signatures"}:
        raise ValueError(f"there is no table {sorted(unknown)[0]}")
    changed = {FindingCode(code): Outcome(outcome) for code, outcome in file.get("outcomes", {}).items()}
    rules = tuple(_rule(stated) for stated in file.get("signatures", ()))
    # What the table says of signatures holds for every result that no rule of the file speaks of.
    general = {code: outcome for code, outcome in changed.items() if code in _DEFECTS.values()}
    return FindingPolicy({**DEFAULT_OUTCOMES, **changed}, (*rules, SignatureRule(outcomes=general)))


def _rule(stated: Mapping[str, Any]) -> SignatureRule:
    if unknown := set(stated) - {"result_types", "trust", "missing", *_DEFECTS}:
        raise ValueError(f"a rule of signatures has no {sorted(unknown)[0]}")
    patterns = stated.get("result_types", [])
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
        raise ValueError("result_types is a list of codes or patterns")
    return SignatureRule(
        result_types=tuple(patterns),
        trust=tuple(Trust(one) for one in stated.get("trust", [])),
        outcomes={code: Outcome(stated[name]) for name, code in _DEFECTS.items() if name in stated},
        missing=Unsigned(stated["missing"]) if "missing" in stated else None,
    )
