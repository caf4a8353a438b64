"""The extractor: holds one model version and runs it for many requests at once."""
