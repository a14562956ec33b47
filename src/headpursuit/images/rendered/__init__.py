"""Images that need no download: scenes of scanned digits and drawn shapes, rendered, and what can be said about them."""

from headpursuit.images.rendered.sets import digits, scenes

__all__ = ["digits", "scenes"]
