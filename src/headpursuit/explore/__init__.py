"""The live explorer: a workbench that answers what visitors ask, and the page in front of it.

Everything but `page` and `serving` works without Gradio.
"""

from headpursuit.explore.answers import Answer, Damage, Question, Table, ask
from headpursuit.explore.jobs import Cancelled, Job
from headpursuit.explore.starting import default_capture, default_config, default_prompts
from headpursuit.explore.view import View
from headpursuit.explore.workbench import AuditedWord, HeadDetail, Workbench

__all__ = [
    "Answer",
    "AuditedWord",
    "Cancelled",
    "Damage",
    "HeadDetail",
    "Job",
    "Question",
    "Table",
    "View",
    "Workbench",
    "ask",
    "default_capture",
    "default_config",
    "default_prompts",
]
