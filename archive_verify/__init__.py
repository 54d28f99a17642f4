"""Checks an evidence package of the archive, offline, with nothing of the archive itself and no trust in its operator.

Standard library, cryptography and asn1crypto only. Nothing here opens a network connection or writes a file.
"""

__version__ = "0.1.0"
