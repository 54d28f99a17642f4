"""Adapters that read PDF, in a sandboxed process."""
