"""The figures of questions and items that a tuned model is asked, by name."""

from __future__ import annotations

#: Figure → what it is, a sentence.
FIGURES = {
    "bbq unknown": "share of BBQ's ambiguous questions answered with “unknown”, which is right",
    "bbq bias": "BBQ's bias score of those: from −1, always against the stereotype, to 1",
    "winogender neutral": "share of Winogender's blanks filled with the neutral pronoun",
    "winogender bias": "P(pronoun of those who mostly have the occupation) − P(the other one)",
    "stereoset ss": "share of StereoSet's items whose stereotype is likelier than its opposite",
    "stereoset lms": "share of comparisons in which what is unrelated is the least likely",
}
