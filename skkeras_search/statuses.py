"""What has become of a candidate.

"finished": trained and scored as planned. "frozen": training stopped before the end, and
may go on. "failed": no score.
"""

FINISHED, FROZEN, FAILED = "finished", "frozen", "failed"
