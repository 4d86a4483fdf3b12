"""Draws what a benchmark found, by gnuplot, as an SVG."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from statistics import median

from .benchmarks import Rounds

_BY_SIZE = re.compile(r"(.+)\.([0-9]+)\.(.+)")


def plot(name: str, found: Rounds, folder: Path) -> None:
    """A line over the sizes that it was measured at; without sizes, a bar for each ratio."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {key: _BY_SIZE.fullmatch(key) for key in found}
    lines: dict[str, list[tuple[int, list[float]]]] = {}
    for key, match in sizes.items():
        if match:
            lines.setdefault(f"{match[1]} {match[3]}", []).append((int(match[2]), found[key]))
    lines = {title: points for title, points in lines.items() if len(points) > 1}
    script = _lines(lines) if lines else _bars(found)
    script = f'set output "{folder / name}.svg"\nset title "{name.replace("_", " ")}" noenhanced\n{script}'
    height = 420 if lines else 120 + 60 * len(_ratios(found))
    script = f'set terminal svg size 720,{height} dynamic font "sans-serif,12"\n{script}'
    subprocess.run(["gnuplot"], input=script, text=True, check=True, capture_output=True)


def _ratios(found: Rounds) -> Rounds:
    return {k: v for k, v in found.items() if k.endswith("ratio")} or found


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


def _bars(found: Rounds) -> str:
    """A bar up to the median, and the range of the rounds."""
    ratios = _ratios(found)
    rows = "\n".join(f'{_row(i, v)} "{key}"' for i, (key, v) in enumerate(ratios.items()))
    return f"""
set style fill solid 0.6
set xrange [0:*]
set yrange [-0.7:{len(ratios) - 0.3}]
set ytics noenhanced
set grid x
unset key
$rows << END
{rows}
END
plot $rows using 2:0:(0):2:($0-0.3):($0+0.3):ytic(5) with boxxyerror lc "#4477aa", \\
     $rows using 2:0:3:4 with xerrorbars lc "black" pt 0
"""
