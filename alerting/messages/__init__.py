"""Messages as Slack blocks: page, thread, digest, flood, answers, modals.

May import pipeline, words, commands and incidents; pure.
"""
