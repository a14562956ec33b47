"""Pages and pictures of finished results of every kind, made from what is on disk."""

from headpursuit.report.heatmap_picture import draw_heatmap, heatmap
from headpursuit.report.pages import draw_arms, render, render_tabs
from headpursuit.report.pages.answers import figures

__all__ = ["draw_arms", "draw_heatmap", "figures", "heatmap", "render", "render_tabs"]
