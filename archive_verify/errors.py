"""The three ways a check can end other than well. A message is one English sentence about what was looked at."""

from __future__ import annotations


class Refused(Exception):
    """What was checked does not hold."""


class Malformed(Refused):
    """What was to be checked could not be read as what it should be, so it does not hold either."""


class Undecided(Exception):
    """It could not be told, for example because no trust root was given. Never fine, and never tampered with."""
