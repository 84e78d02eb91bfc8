"""The sections of the configuration: settings with their defaults and bounds, grouped by what they configure.

May import what settings depend on: secret, template, json_path, native_fields and yaml_tree of config. The
other packages import them from ``config.settings``.
"""
