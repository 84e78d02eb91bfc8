"""Generates traffic with incidents in it, for ``uneri simulate`` and the demo."""
