"""Adapters that keep: object stores and the register."""
