"""Reports of finished studies of every kind: an HTML page and pictures, made from what is on disk."""

from headpursuit.report.anything import render_anything
from headpursuit.report.arms import draw_arms
from headpursuit.report.atlas import render_atlas
from headpursuit.report.atlas_diff import render_atlas_diff
from headpursuit.report.harness import render_harness
from headpursuit.report.heatmaps import draw_heatmap, heatmap
from headpursuit.report.pages import render
from headpursuit.report.sensitivity import render_sensitivity
from headpursuit.report.summary import figures
from headpursuit.report.together import render_together

__all__ = [
    "draw_arms",
    "draw_heatmap",
    "figures",
    "heatmap",
    "render",
    "render_anything",
    "render_atlas",
    "render_atlas_diff",
    "render_harness",
    "render_sensitivity",
    "render_together",
]
