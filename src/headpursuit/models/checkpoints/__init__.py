"""Checkpoints: where a name leads, files that are whole, and one line where they are not."""

from headpursuit.models.checkpoints.damage import check_read_in_silence
from headpursuit.models.checkpoints.explaining import explained
from headpursuit.models.checkpoints.kinds import UNREAD, auto_class, hears, listens
from headpursuit.models.checkpoints.places import Place, place_of
from headpursuit.models.checkpoints.tokenizers import check_tokenizer, has_tokenizer, read_tokenizer
from headpursuit.models.checkpoints.whole import Loaded, check_whole, loaded_network, whole_network
