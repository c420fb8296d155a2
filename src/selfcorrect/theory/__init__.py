"""The mathematics of the theory: torch, numpy and scipy, and no other room but the errors."""
