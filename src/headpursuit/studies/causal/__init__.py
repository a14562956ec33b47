"""Heads chosen by what rescaling them does: every head screened, an edit grown, the last few measured by answers."""
