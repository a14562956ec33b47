"""Sound: prompts that are heard, and files of it; no model in sight."""

from headpursuit.sounds.opening import check_sound, open_sound, sound_files, sound_seconds
from headpursuit.sounds.prompt import AudioPrompt, Sound, SoundSource

__all__ = ["AudioPrompt", "Sound", "SoundSource", "check_sound", "open_sound", "sound_files", "sound_seconds"]
