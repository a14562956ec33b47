"""Outputs as text: phrases found, words counted, and the scores made of them."""
