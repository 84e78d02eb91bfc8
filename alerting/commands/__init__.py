"""What people ask for and what a dispatch is: the values that go into and come out of the pipeline.

May import incidents; pure.
"""
