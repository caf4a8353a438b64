"""Requests that nobody would send on purpose, to all routes of the backend and of the extractor."""
