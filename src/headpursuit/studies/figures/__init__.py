"""Figures of arms: scores summed up, with intervals, p-values, and what chance would share."""
