"""Machines that fail: each kind of fault on real processes, many times, and whether all was well afterwards."""
