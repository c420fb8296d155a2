"""Gendered words and names of English, in pairs: what is swapped with what.

A list of our own. It holds words whose other half is plain; words that also mean something without
gender (*master*, *host*, *grace*, *eve*) are left out, and so are jokes of grammar that no list
can tell. *Her* and *his* are told apart by what follows: see :mod:`selfcorrect.tuning.swap`.
"""

from __future__ import annotations

from itertools import chain

#: a man's word, a woman's
WORDS = (
    ("he", "she"), ("he's", "she's"), ("he'd", "she'd"), ("he'll", "she'll"),
    ("himself", "herself"), ("man", "woman"), ("men", "women"), ("boy", "girl"),
    ("boys", "girls"), ("gentleman", "lady"), ("gentlemen", "ladies"), ("guy", "gal"),
    ("guys", "gals"), ("male", "female"), ("males", "females"), ("mr", "ms"), ("sir", "madam"),
    ("father", "mother"), ("fathers", "mothers"), ("dad", "mom"), ("dads", "moms"),
    ("daddy", "mommy"), ("son", "daughter"), ("sons", "daughters"), ("brother", "sister"),
    ("brothers", "sisters"), ("husband", "wife"), ("husbands", "wives"), ("uncle", "aunt"),
    ("uncles", "aunts"), ("nephew", "niece"), ("nephews", "nieces"),
    ("grandfather", "grandmother"), ("grandfathers", "grandmothers"), ("grandpa", "grandma"),
    ("grandson", "granddaughter"), ("grandsons", "granddaughters"),
    ("stepfather", "stepmother"), ("stepson", "stepdaughter"), ("stepbrother", "stepsister"),
    ("godfather", "godmother"), ("godson", "goddaughter"), ("boyfriend", "girlfriend"),
    ("boyfriends", "girlfriends"), ("bridegroom", "bride"), ("widower", "widow"),
    ("king", "queen"), ("kings", "queens"),
    ("prince", "princess"), ("princes", "princesses"), ("duke", "duchess"),
    ("emperor", "empress"), ("baron", "baroness"), ("monk", "nun"),
    ("monks", "nuns"), ("wizard", "witch"), ("hero", "heroine"),
    ("heroes", "heroines"), ("heir", "heiress"), ("waiter", "waitress"),
    ("waiters", "waitresses"), ("actor", "actress"), ("actors", "actresses"),
    ("steward", "stewardess"), ("landlord", "landlady"), ("businessman", "businesswoman"),
    ("businessmen", "businesswomen"), ("salesman", "saleswoman"), ("chairman", "chairwoman"),
    ("policeman", "policewoman"), ("policemen", "policewomen"), ("fireman", "firewoman"),
    ("congressman", "congresswoman"), ("spokesman", "spokeswoman"),
    ("craftsman", "craftswoman"), ("sportsman", "sportswoman"),
    ("schoolboy", "schoolgirl"), ("cowboy", "cowgirl"), ("fatherhood", "motherhood"),
    ("fatherly", "motherly"), ("manly", "womanly"), ("boyish", "girlish"),
    ("masculine", "feminine"), ("paternal", "maternal"), ("masculinity", "femininity"),
)  # fmt: skip

#: a man's name, a woman's; only where they begin with a capital
NAMES = (
    ("James", "Mary"), ("John", "Jennifer"), ("Robert", "Linda"), ("Michael", "Elizabeth"),
    ("David", "Barbara"), ("William", "Susan"), ("Richard", "Jessica"), ("Joseph", "Sarah"),
    ("Thomas", "Karen"), ("Charles", "Nancy"), ("Daniel", "Lisa"), ("Matthew", "Betty"),
    ("Anthony", "Sandra"), ("Steven", "Ashley"), ("Paul", "Emily"), ("Andrew", "Michelle"),
    ("Kevin", "Amanda"), ("Brian", "Melissa"), ("George", "Deborah"), ("Edward", "Laura"),
    ("Peter", "Rebecca"), ("Henry", "Helen"), ("Samuel", "Anna"),
    ("Carlos", "Maria"), ("Ahmed", "Fatima"), ("Oliver", "Olivia"), ("Lucas", "Sophia"),
    ("Ivan", "Olga"), ("Hans", "Greta"), ("Luigi", "Giulia"), ("Omar", "Layla"),
)  # fmt: skip

#: What follows *her* where it is no possessive, and *his* where it is one by itself.
_NO_NOUN = """
    a an the this that these those to in on at by for from with without about into onto of off out
    over under up down as and or but nor so yet if when while where because since until than then
    he she it they we you i him her them us me who whom which what not never always again still
    now today tomorrow yesterday tonight here there too very more much even only is are was were
    be been will would can could shall should may might must did does do had has have went came
    said his my your our their its some any no each every all both through during before after
    between against back away instead alone
"""
NO_NOUN = frozenset(_NO_NOUN.split())

SWAPPED: dict[str, str] = dict(chain(WORDS, ((other, one) for one, other in WORDS)))
SWAPPED_NAMES: dict[str, str] = dict(chain(NAMES, ((other, one) for one, other in NAMES)))
#: Swapped by what follows.
DEPENDING = ("him", "his", "her", "hers")
