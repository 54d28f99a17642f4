"""The log's format and its proofs: pure and cryptographic; knows no store."""
