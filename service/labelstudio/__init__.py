"""Label Studio's wire: label configs, texts, regions, messages and the client of its API."""
