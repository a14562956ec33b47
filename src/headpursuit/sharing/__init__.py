"""Rankings, edits and every other folder of headpursuit, to and from the Hugging Face hub."""

from headpursuit.sharing.pulling import pull
from headpursuit.sharing.pushing import push
from headpursuit.sharing.repository import Shared

__all__ = ["Shared", "pull", "push"]
