"""The compiled step of the judge for one series: expect, measure the deviation, decide, learn."""
