"""Reports of finished studies of every kind: an HTML page and pictures, made from what is on disk."""

from headpursuit.report.anything import render_anything
from headpursuit.report.harness import render_harness
from headpursuit.report.heatmaps import heatmap
from headpursuit.report.pages import render
from headpursuit.report.sensitivity import render_sensitivity
from headpursuit.report.summary import figures
from headpursuit.report.together import render_together

__all__ = ["figures", "heatmap", "render", "render_anything", "render_harness", "render_sensitivity", "render_together"]
