"""The compiled step of the judge: expect, measure, decide whether it is a verdict, learn."""
