"""Concepts: named word lists, built in or read from a file.

A concept is words only. Which tokens they become depends on a tokenizer, and is decided where the model is
known.
"""

from headpursuit.concepts.concept import Concept, Words, builtin_concepts, concept_of, concepts_of, load_concept
from headpursuit.concepts.normalising import WordsChanged, normalised
