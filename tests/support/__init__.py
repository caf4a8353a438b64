"""Shared by tests, benchmarks and the demonstration."""
