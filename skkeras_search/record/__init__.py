"""Stores on disk what happens in searches. Nothing is ever unpickled from it."""

from skkeras_search.record.store import StorageError

__all__ = ["StorageError"]
