"""Measures: pure functions over records and arrays.

Nothing is imported here: the catalogue is read by whatever shows a number, and must not wait for
the statistics.
"""
