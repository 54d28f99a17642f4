"""The nouns of the archive: pure values and the ports to the world. Standard library only."""
