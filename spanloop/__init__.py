"""The command `spanloop`: all that a person types on a command line, under one roof."""
