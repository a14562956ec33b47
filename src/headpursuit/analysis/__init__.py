"""The meeting of mathematics and model: capture, explain, rank."""

from headpursuit.analysis.atlases import (
    Atlas,
    AtlasConcept,
    AtlasDiff,
    HeadChange,
    build_atlas,
    check_concepts,
    diff_atlases,
    weights_capture,
)
from headpursuit.analysis.captures import Capture, merge
from headpursuit.analysis.capturing import capture, check_place
from headpursuit.analysis.doctor import Diagnosis, diagnose
from headpursuit.analysis.edits import SavedEdit, load_edit, read_edit
from headpursuit.analysis.effects import Effect, Effects, effects
from headpursuit.analysis.explaining import Explanation, explain
from headpursuit.analysis.head_lists import HeadList, is_head_list, parse_heads, read_heads
from headpursuit.analysis.nulls import explained_by_each, null_dictionaries
from headpursuit.analysis.prompt_stream import check_chat, check_files, readable, sha256_of_prompts
from headpursuit.analysis.prompts import all_sounds, ask_about, read_prompts
from headpursuit.analysis.ranking_heads import rank, rank_each
from headpursuit.analysis.rankings import RankedHead, Ranking
from headpursuit.analysis.readings import Reading, read
from headpursuit.analysis.samples import Samples
from headpursuit.analysis.suggesting import Suggestion, Suggestions
from headpursuit.heads import count_of
from headpursuit.models import Identity, identify
from headpursuit.settings import AtlasConfig, CaptureConfig, Null, RankConfig, Score
from headpursuit.storage import versions
