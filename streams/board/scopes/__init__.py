"""The pages of scopes: what is asked, over which range, what it does, who calls it, what happened.

May import what is beside it in ``streams.board``, and what that may.
"""
