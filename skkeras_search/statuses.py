"""What has become of a candidate.

"finished": trained and scored as planned. "frozen": training stopped before the end, and
may go on. "failed": a fit raised an error, or has no finite score.
"""

FINISHED, FROZEN, FAILED = "finished", "frozen", "failed"
