"""Versions: what they are made of, what they are called, where they are kept and which one is live."""
