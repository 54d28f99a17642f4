"""Counts which small changes of the retention rules the tests notice."""
