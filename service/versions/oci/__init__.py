"""Versions in an OCI registry: Bentos pushed and pulled as artefacts over HTTP."""
