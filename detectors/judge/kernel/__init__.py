"""The compiled step of the judge: expect, decide, add up, learn."""
