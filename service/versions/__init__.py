"""Versions: their lineage, their names, the stores that keep them, and the history of the live one."""
