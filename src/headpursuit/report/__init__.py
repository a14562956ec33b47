"""Pages and pictures of finished results of every kind, made from what is on disk."""

from headpursuit.report.arms_picture import draw_arms
from headpursuit.report.heatmap_picture import draw_heatmap, heatmap
from headpursuit.report.pages import render
from headpursuit.report.parts.summary import figures
from headpursuit.report.tabs import render_tabs

__all__ = ["draw_arms", "draw_heatmap", "figures", "heatmap", "render", "render_tabs"]
