"""The experiments: each folder holds one, and knows none of the others; `headpursuit.registry` lists them."""
