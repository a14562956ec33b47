"""Parts that pages of several kinds share, or that are large enough to stand alone."""
