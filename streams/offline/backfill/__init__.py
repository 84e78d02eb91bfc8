"""Teaches a daemon recorded events, before its first start or while it runs."""
