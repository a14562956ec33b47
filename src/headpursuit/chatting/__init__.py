"""A conversation with a model, in which its edit is switched and rescaled: all of it but the terminal."""

from headpursuit.chatting.commands import COMMANDS, HELP, described, obey
from headpursuit.chatting.talk import Talk
