"""Curves that grow, and models that forecast them: the parts of ``benchmarks/days_to_limit.py``."""
