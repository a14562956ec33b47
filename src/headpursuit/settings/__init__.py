"""Settings, and the words to choose from: no torch, so that the command line need not wait for it."""

from headpursuit.settings.capturing import CaptureConfig
from headpursuit.settings.chat import Chat, ChatSettings, chat_of, parse_template_args
from headpursuit.settings.fields import Flag, Setting, Settings, arguments_of, config_of, known, settings_in, values_of
from headpursuit.settings.ranking import AtlasConfig, RankConfig
from headpursuit.settings.run import RunSettings
from headpursuit.settings.words import Dtype, MultiToken, Null, Positions, Rule, Score
from headpursuit.settings.written import parts_of, typed, written

__all__ = [
    "AtlasConfig",
    "CaptureConfig",
    "Chat",
    "ChatSettings",
    "Dtype",
    "Flag",
    "MultiToken",
    "Null",
    "Positions",
    "RankConfig",
    "Rule",
    "RunSettings",
    "Score",
    "Setting",
    "Settings",
    "arguments_of",
    "chat_of",
    "config_of",
    "known",
    "parse_template_args",
    "parts_of",
    "settings_in",
    "typed",
    "values_of",
    "written",
]
