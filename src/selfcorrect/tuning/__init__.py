"""Texts to tune on: made by swapping words, chosen by a model's uncertainty; and tuning on them."""
