"""The board: the page that people look at, its data as the page gets them, and who may see it.

Imports ``process``, ``notify`` and ``alerting`` for incidents; what it shows comes through ``board_data``.
"""
