"""The rules of retention: how long what is kept stays locked, and when it may go. Standard library only."""
