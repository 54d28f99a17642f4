"""Leaves a process only those files to open that its libraries need: a hostile PDF must not read other records.

It must never be the only wall: kernels before 5.13, or without Landlock (landlock(7)), go on without it, and the
document itself comes as an open descriptor. What is reached by a descriptor opened before stays open.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# The numbers are the same on every architecture that has these calls.
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_RULE_PATH_BENEATH = 1

# Rights of the first version of Landlock: everything is denied but what a rule grants.
_ALL_RIGHTS = (1 << 13) - 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READING = _EXECUTE | _READ_FILE | _READ_DIR


def library_places() -> tuple[Path, ...]:
    """Return the places of libraries, fonts and language data; nothing of the archive's own data."""
    # Decrypting draws random numbers, and some libraries know no other way to them.
    random = Path("/dev/urandom")
    here = Path(__file__).parent.parent
    system = (Path("/usr"), Path("/lib"), Path("/lib64"), Path("/etc/fonts"))
    named = os.environ.get("TESSDATA_PREFIX")
    return (*system, random, Path(sys.prefix), Path(sys.base_prefix), here, *([Path(named)] if named else []))


def build_ruleset(places: Iterable[Path]) -> int | None:
    """Return the descriptor of a ruleset that permits reading of and beneath the places; None where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    handled = struct.pack("Q", _ALL_RIGHTS)
    ruleset = int(libc.syscall(_CREATE_RULESET, handled, len(handled), 0))
    if ruleset < 0:
        return None
    for place in places:
        if not place.exists():
            continue
        beneath = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = struct.pack("=Qi", _READING if place.is_dir() else _READ_FILE, beneath)
            libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
        finally:
            os.close(beneath)
    return ruleset


def restrict(ruleset: int | None) -> bool:
    """Restrict this process to the ruleset for good; whether that worked. Needs PR_SET_NO_NEW_PRIVS before."""
    if ruleset is None:
        return False
    return int(ctypes.CDLL(None, use_errno=True).syscall(_RESTRICT_SELF, ruleset, 0)) == 0
