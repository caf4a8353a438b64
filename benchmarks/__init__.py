"""Measurements: what the project claims, measured by commands that anyone can run."""
