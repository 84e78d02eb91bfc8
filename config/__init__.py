"""Settings, limits, links and the calendar.

Imports none of the other packages.
"""
