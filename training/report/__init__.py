"""The report of a version: one HTML file beside its verdict, without scripts, requests and texts of the user."""
