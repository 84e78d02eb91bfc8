"""The command line: parses, calls, and turns every failure into one line and an exit code."""
