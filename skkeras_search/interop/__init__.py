"""Interoperability with other libraries.

Each library is an optional extra, and is imported only when it is used.
"""
