"""Builds the service's image on a base made here, starts it as an operator would, and tests it.

Needs root, buildah and debootstrap, and no container engine. It never touches images or containers that it did not
make, and leaves none behind.
"""
