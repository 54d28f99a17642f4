"""Adapters that find: search engines behind one contract."""
