"""Studies: many runs, one question. One file each."""
