"""A drill: nodes of a search cluster are killed while the archive searches and indexes, and nothing may be lost.

It starts its own cluster on free loopback ports, and never touches another.
"""
