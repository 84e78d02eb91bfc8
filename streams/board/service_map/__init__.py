"""The service map: who calls whom, with figures and states, bounded, made once a step.

May import what is beside it in ``streams.board``, and what that may.
"""
