"""The embedded model: how it is made."""
