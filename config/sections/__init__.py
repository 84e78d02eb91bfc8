"""The sections of the configuration: settings with their defaults and bounds, grouped by what they configure.

May import config.template and config.secret; the other packages import them from ``config.settings``.
"""
