"""Texts to tune on: made by swapping words, chosen by a model's uncertainty; and tuning on them."""

#: How a model is tuned where nobody says: the largest learning rate,
#: texts of a step, tokens that are read of a text.
RATE, BATCH, LONGEST = 5e-5, 8, 256
