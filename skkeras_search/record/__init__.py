"""What happened in searches, on disk. Nothing is ever unpickled from it."""

from skkeras_search.record.store import StorageError

__all__ = ["StorageError"]
