"""Sounds: files of them, opened as a model hears them."""

from headpursuit.media.sounds.opening import check_sound, open_sound, sound_files, sound_seconds
from headpursuit.media.sounds.speaking import speak

__all__ = ["check_sound", "open_sound", "sound_files", "sound_seconds", "speak"]
