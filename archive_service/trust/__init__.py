"""Those outside whom the archive asks to vouch for it: time-stamp authorities."""
