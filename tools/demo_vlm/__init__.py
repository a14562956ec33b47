"""Lessons of the demo model: what it is shown, what is asked of it, and the steps it takes."""
