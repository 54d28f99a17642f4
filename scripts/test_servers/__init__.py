"""Fetches, starts and stops the real servers that the tests run against.

Standard library only, and nothing of the project: it runs before the virtual environment exists.
It never touches a server that it did not start, and never listens beyond the loopback address.
"""
