"""Training runs: what a run is, and the files that one machine keeps of it."""
