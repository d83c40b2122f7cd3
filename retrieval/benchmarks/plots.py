"""Plots as figures that read on light and on dark paper, and their PNG bytes.

Figures are made without pyplot: nothing global, nothing to close, safe in a worker.
"""

from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator

# Mid-tone hues that keep a contrast of 3:1 or more against both papers.
PALETTE = ("#2f7de1", "#e07b1a", "#1f9d72", "#d64550", "#8b62d9", "#7a8699", "#b08900", "#0f97a8")
QUIET = "#7a8699"  # remarks in a plot, readable on both papers
LIGHT_PAPER, LIGHT_INK = "#ffffff", "#3d4654"
DARK_PAPER, DARK_INK = "#171b22", "#c4ccd8"
_DPI = 160


def canvas(
    width: float = 7.2, height: float = 3.8, *, columns: int = 1
) -> tuple[Figure, list[Any]]:
    """Make a figure with a row of quiet axes.

    Args:
        width, height: inches.
        columns: axes side by side.

    Returns:
        The figure and its axes, left to right.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for ax in axes:
        ax.set_prop_cycle(color=list(PALETTE))
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(visible=True, linewidth=0.6, alpha=0.35)
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=9, length=3)
    return figure, axes


def label(
    ax: Axes,
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    legend: bool = False,
    whole_x: bool = False,
) -> None:
    """Name a plot and its axes.

    Args:
        ax: the plot's.
        title, x, y: of the plot and of its axes.
        legend: whether lines are named.
        whole_x: whether only whole numbers are written at the x axis.
    """
    ax.set_title(title, fontsize=10.5, loc="left", fontweight="bold", pad=9)
    ax.set_xlabel(x, fontsize=9.5)
    ax.set_ylabel(y, fontsize=9.5)
    if whole_x:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if legend:
        ax.legend(frameon=False, fontsize=9)


def png(figure: Figure, *, dark: bool = False) -> bytes:
    """Render a figure on light or dark paper.

    The same bytes come from the same figure: no date, no version is written into the file.
    """
    paper, ink = (DARK_PAPER, DARK_INK) if dark else (LIGHT_PAPER, LIGHT_INK)
    figure.set_facecolor(paper)
    for ax in figure.axes:
        _recolour(ax, paper, ink)
    for legend in figure.legends:
        _recolour_legend(legend, ink)
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()


def _recolour(ax: Axes, paper: str, ink: str) -> None:
    ax.set_facecolor(paper)
    ax.tick_params(colors=ink, which="both", grid_color=ink, grid_alpha=0.22)
    for text in (ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label):  # type: ignore[attr-defined]
        text.set_color(ink)
    for spine in ax.spines.values():
        spine.set_color(ink)
    _recolour_legend(ax.get_legend(), ink)


def _recolour_legend(legend: Legend | None, ink: str) -> None:
    for text in legend.get_texts() if legend is not None else ():
        text.set_color(ink)
