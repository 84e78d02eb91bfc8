"""Groups findings into incidents and turns their changes into notices.

Imports nothing else of alerting; pure.
"""
