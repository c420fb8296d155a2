"""How well a sentence embedding tells paraphrases from sentences that differ where it matters.

    python -m benchmarks.paraphrases

Twenty pairs of our own: ten that say the same in other words, ten that differ in the one word that
decides. Prints how many of each are taken for the same, by threshold.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from selfcorrect.scorers.embedding import THRESHOLD, make
from selfcorrect.scorers.meanings import PACKAGE

SAME = [
    ("The capital of France is Paris.", "Paris is the capital city of France."),
    ("She bought three apples at the market.", "At the market she purchased three apples."),
    ("The cook cut the bread in the kitchen.", "In the kitchen, bread was cut by the cook."),
    ("The dog ran across the field.", "A dog was running over the field."),
    ("He could not sleep because of the noise.", "The noise kept him awake."),
    ("The train was late again this morning.", "This morning the train was delayed once more."),
    ("I do not know the answer.", "I have no idea what the answer is."),
    ("The boy kicked the ball into the goal.", "The ball was kicked into the goal by the boy."),
    ("The shop closes at six.", "At six o'clock the shop shuts."),
    ("It rained all day.", "The rain did not stop the whole day."),
]
OTHER = [
    ("The capital of France is Paris.", "The capital of France is Rome."),
    ("She bought three apples at the market.", "She bought two pears at the market."),
    ("The cook cut the bread in the kitchen.", "The cook burned the soup in the kitchen."),
    ("The dog ran across the field.", "The cat slept in the field."),
    ("He could not sleep because of the noise.", "He slept well in spite of the noise."),
    ("The train was late again this morning.", "The train was on time this morning."),
    ("I do not know the answer.", "The answer is certainly yes."),
    ("The boy kicked the ball into the goal.", "The boy missed the goal."),
    ("The shop closes at six.", "The shop closes at nine."),
    ("It rained all day.", "The sun shone all day."),
]


def main() -> None:
    model = make(PACKAGE, {})

    def cosines(pairs: list[tuple[str, str]]) -> list[float]:
        return [float(one @ other) for one, other in (model.embed(pair) for pair in pairs)]

    same, other = cosines(SAME), cosines(OTHER)
    table = Table("threshold", "paraphrases of 10", "others of 10")
    for threshold in (0.7, 0.75, 0.8, 0.85, 0.9):
        usual = " (the default)" if threshold == THRESHOLD else ""
        counts = (sum(cosine >= threshold for cosine in each) for each in (same, other))
        table.add_row(f"{threshold:g}{usual}", *map(str, counts))
    Console().print(table)


if __name__ == "__main__":
    main()
