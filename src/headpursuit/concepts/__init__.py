"""Concepts: named word lists, built in or read from a file.

A concept is words only. Which tokens they become depends on a tokenizer, and is decided where the model is
known.
"""

from headpursuit.concepts.concept import Concept, builtin_concepts, load_concept
from headpursuit.concepts.given import Words, concept_of, concepts_of
from headpursuit.concepts.normalising import WordsChanged, normalised
