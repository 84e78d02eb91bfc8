"""Deployments and changes of configuration, as clouds and GitHub report them.

May import the contract of formats.
"""
