"""The only room that knows transformers: loading, finding heads, words and tokens, reading and rescaling heads."""

from headpursuit.models.alike import alike_refusal
from headpursuit.models.anatomy import APPROXIMATE, FLAGS, Anatomy, AnatomyError, GivenAnatomy, HeadSite
from headpursuit.models.answers_under import AnswersUnder, answers_under
from headpursuit.models.batches import batches
from headpursuit.models.behind import losses_behind
from headpursuit.models.capture import MixedBatch, read_mixed
from headpursuit.models.certificate import Certificate
from headpursuit.models.continuations import Continuation, Likelihoods, Likely, likelihoods
from headpursuit.models.decoding import Decoding
from headpursuit.models.demo_vlm import DEMO_VLM
from headpursuit.models.effects import LogitChanges, is_approximate, logit_changes
from headpursuit.models.embedded import EMBEDDED, embedded_is_cached
from headpursuit.models.encoding import encodings_kept
from headpursuit.models.export import (
    Difference,
    Export,
    Format,
    Snippet,
    export,
    snippet,
    undo_export,
    verify,
    verify_export,
)
from headpursuit.models.export.compare import examples_for
from headpursuit.models.export.gguf import check_unembedding, edit_gguf, gguf_path, verify_gguf
from headpursuit.models.facts import (
    SenseFacts,
    TokenizerFacts,
    UnembeddingFacts,
    sense_facts,
    tokenizer_facts,
    unembedding_facts,
)
from headpursuit.models.fitting import fitting
from headpursuit.models.framing import Framing, tell_of_frames
from headpursuit.models.gradients import HeadGradients, head_gradients, scale_gradients
from headpursuit.models.harness import HarnessAnswers, HarnessFigure, HarnessTasks, ask_harness, harness_tasks
from headpursuit.models.identity import Identity, has_unembedding, heads_sha256, hub_id, identify, vocabulary_sha256
from headpursuit.models.language_model import GivenModel, LanguageModel, model_of
from headpursuit.models.load import load, quiet
from headpursuit.models.neutral import NeutralText, neutral_text
from headpursuit.models.patching import counterparts, patched_losses
from headpursuit.models.replay import Replay, replay, replay_refusal
from headpursuit.models.replay_memory import every_within, layer_sizes, replay_memory
from headpursuit.models.rescale import rescale
from headpursuit.models.sampling import Draws, Sampling
from headpursuit.models.scaling import Applied
from headpursuit.models.sharding import processes_of
from headpursuit.models.spelling import (
    ConceptTokens,
    Spelling,
    collisions,
    first_tokens,
    spell,
    spelled,
    tokens_of,
    why_no_token,
)
from headpursuit.models.steering import steer
from headpursuit.models.stream import difference_of_means
from headpursuit.models.text import answer, answer_ids, log_probabilities, read_logits, stream_answer
from headpursuit.models.tokens import token_text
from headpursuit.models.twins import twin
from headpursuit.models.values import input_rows, value_weights
from headpursuit.models.vocabulary import ids_without_token, readout, unembedding
from headpursuit.models.vocabulary_words import VocabularyWord, VocabularyWords, WordKind, token_forms, vocabulary_words
from headpursuit.models.weights import projection_weights, write_weights
from headpursuit.models.whisper_base import WHISPER_BASE, whisper_base_is_cached
from headpursuit.settings import Chat, ChatSettings, MultiToken, Positions, chat_of
