"""The entrance for machines: HTTP in, steps called, HTTP out."""
