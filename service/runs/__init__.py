"""Training runs: the state of a run, and the files that one machine keeps of its runs."""
