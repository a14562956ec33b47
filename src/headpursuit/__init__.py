"""headpursuit."""
