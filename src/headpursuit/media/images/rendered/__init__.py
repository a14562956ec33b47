"""Images that need no download: rendered scenes of scanned digits and drawn shapes, and what can be said of them."""

from headpursuit.media.images.rendered.sets import counts, digits, scenes

__all__ = ["counts", "digits", "scenes"]
