"""The backend on one machine: runs as processes, versions in BentoML's local store."""
