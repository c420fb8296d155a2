"""Theory as running mathematics: torch and numpy, and no other room of ours."""
