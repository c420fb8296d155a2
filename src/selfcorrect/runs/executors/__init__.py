"""Who takes the pieces of a run through their rounds: this process, threads, processes, or Ray."""
