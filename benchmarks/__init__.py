"""The commands that measure every figure which the project states."""
