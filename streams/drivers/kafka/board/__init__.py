"""The role ``board``: keeps and writes steps, follows incidents, sends commands."""
