"""Draws what a benchmark found, by gnuplot, as an SVG."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from statistics import median

from .benchmarks import CommitLoop

_BY_SIZE = re.compile(r"(.+)\.([0-9]+)\.(.+)")


def plot(name: str, found: CommitLoop, folder: Path) -> None:
    """A line over the sizes that it was measured at; without sizes, a bar for each ratio."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[tuple[int, list[float]]]] = {}
    for key, values in found.items():
        if match := _BY_SIZE.fullmatch(key):
            lines.setdefault(f"{match[1]} {match[3]}", []).append((int(match[2]), values))
    lines = {title: points for title, points in lines.items() if len(points) > 1}
    if lines:
        height, script = 420, f'set title "{name.replace("_", " ")}" noenhanced\n{_lines(lines)}'
    else:
        panels = _panels(found)
        height = sum(100 + 50 * len(panel) for panel in panels.values())
        script = f"set multiplot layout {len(panels)},1\n" + "\n".join(
            f'set title "{name} {unit}" noenhanced\n{_bars(panel, number)}'
            for number, (unit, panel) in enumerate(panels.items())
        )
    terminal = f'set terminal svg size 720,{height} dynamic font "sans-serif,12"'
    script = f'{terminal}\nset output "{folder / name}.svg"\n{script}'
    subprocess.run(["gnuplot"], input=script, text=True, check=True, capture_output=True)


def _panels(found: CommitLoop) -> dict[str, CommitLoop]:
    """The ratios; if there are none, all values, those of a unit beside each other."""
    ratios = {k: v for k, v in found.items() if k.endswith("ratio")}
    panels: dict[str, CommitLoop] = {}
    for key, values in (ratios or found).items():
        panels.setdefault(key.rpartition(".")[2], {})[key] = values
    return panels


def _row(first: float | int, values: list[float]) -> str:
    return f"{first} {median(values)} {min(values)} {max(values)}"


def _lines(lines: dict[str, list[tuple[int, list[float]]]]) -> str:
    """Median by size, with the least and the greatest round."""
    blocks, plots = [], []
    for number, (title, points) in enumerate(lines.items()):
        rows = "\n".join(_row(size, values) for size, values in sorted(points))
        blocks.append(f"$data{number} << END\n{rows}\nEND")
        plots.append(f'$data{number} using 1:2:3:4 with yerrorlines title "{title}" noenhanced')
    return "\n".join(
        [*blocks, "set logscale xy", "set xlabel 'VMs'", "set grid", "plot " + ", ".join(plots)]
    )


def _bars(bars: CommitLoop, number: int) -> str:
    """A bar up to the median, and the range of the rounds."""
    rows = "\n".join(f'{_row(i, v)} "{key}"' for i, (key, v) in enumerate(bars.items()))
    return f"""
set style fill solid 0.6
set xrange [0:*]
set yrange [-0.7:{len(bars) - 0.3}]
set ytics noenhanced
set grid x
unset key
$rows{number} << END
{rows}
END
plot $rows{number} using 2:0:(0):2:($0-0.3):($0+0.3):ytic(5) with boxxyerror lc "#4477aa", \\
     $rows{number} using 2:0:3:4 with xerrorbars lc "black" pt 0
"""
