"""One training run: annotations, dataset, tuning, judgement, publication."""
