"""The embedded starter model, and the programs that made it."""
