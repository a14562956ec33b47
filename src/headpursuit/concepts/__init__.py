"""Concepts: named word lists, built in or read from a file."""
