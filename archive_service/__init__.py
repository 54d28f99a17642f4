"""An electronic records archive for the results of administrative procedures."""

__version__ = "0.1.0"
