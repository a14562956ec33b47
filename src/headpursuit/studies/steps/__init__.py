"""The steps of a study on a model: its identity, heads ranked and found, doses and arms run."""
