"""Find the attention heads that carry a concept, prove it causally, and switch the concept down or up.

    import headpursuit as hp

    model = hp.load("smollm2-135m")
    cities = hp.load_concept("capitals").words
    capture = hp.capture(model, [f"The city of {city} is located in the country of" for city in cities])
    ranking = hp.rank(model, capture, hp.load_concept("countries"))
    with hp.rescale(model, ranking.edit(heads=2, scale=-1)):
        ...  # model.network.generate(...)

Source: "Head Pursuit: Probing Attention Specialization in Multimodal Transformers", arXiv 2510.21518.
"""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.analysis import (
        Atlas,
        AtlasConfig,
        AtlasDiff,
        Capture,
        CaptureConfig,
        RankConfig,
        Ranking,
        SavedEdit,
        build_atlas,
        capture,
        diff_atlases,
        effects,
        explain,
        load_edit,
        rank,
    )
    from headpursuit.analysis.rankers import register_ranker
    from headpursuit.concepts import Concept, load_concept
    from headpursuit.heads import Edit, Head
    from headpursuit.models import (
        Chat,
        Export,
        LanguageModel,
        answer,
        difference_of_means,
        export,
        load,
        rescale,
        steer,
        verify_export,
    )
    from headpursuit.registry import load_result
    from headpursuit.report import draw_arms, draw_heatmap
    from headpursuit.sharing import pull, push
    from headpursuit.studies import StudyConfig, StudyResult, study
    from headpursuit.studies.scorers import register_scorer
    from headpursuit.studies.text.metrics import register_metric

__all__ = [
    "Atlas",
    "AtlasConfig",
    "AtlasDiff",
    "Capture",
    "CaptureConfig",
    "Chat",
    "Concept",
    "Edit",
    "Export",
    "Head",
    "LanguageModel",
    "RankConfig",
    "Ranking",
    "SavedEdit",
    "StudyConfig",
    "StudyResult",
    "answer",
    "build_atlas",
    "capture",
    "diff_atlases",
    "difference_of_means",
    "draw_arms",
    "draw_heatmap",
    "effects",
    "explain",
    "export",
    "load",
    "load_concept",
    "load_edit",
    "load_result",
    "pull",
    "push",
    "rank",
    "register_metric",
    "register_ranker",
    "register_scorer",
    "rescale",
    "steer",
    "study",
    "verify_export",
]

__getattr__, __dir__ = lazily(__name__)
