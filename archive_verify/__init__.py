"""Checks an evidence package of the archive, offline, with nothing of the archive itself and no trust in its operator.

Standard library, cryptography and asn1crypto only. Checking opens no network connection and writes no file;
``witness``, a command of its own that follows a live log, is the only module that does.
"""

__version__ = "0.1.0"
