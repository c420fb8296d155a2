"""The theory's results as sheets: one function each, from the numbers that ``--json`` prints."""
