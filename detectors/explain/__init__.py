"""Which callers cause an excess, and which node of the call graph explains a symptom.

May import state and model.
"""
