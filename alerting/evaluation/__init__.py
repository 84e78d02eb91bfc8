"""Incidents measured against labels, and two configurations compared.

May import commands and incidents; pure.
"""
