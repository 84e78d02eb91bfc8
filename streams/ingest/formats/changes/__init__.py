"""Deployments and changes of configuration, as clouds and GitHub tell of them.

May import the contract of formats.
"""
