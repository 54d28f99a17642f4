"""Lets the command line be run as a module: python -m archive_service."""

from archive_service.cli import main

main(prog_name="archive-service")
