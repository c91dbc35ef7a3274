"""Draw the charts of the page "Benchmarks" from the files that the benchmarks wrote.

    python docs/benchmark_charts.py

Sphinx does the same at each build. Each chart of ``benchmarks/results`` is drawn twice, for
the light and the dark theme, to ``docs/benchmarks``.
"""

import json
from collections import defaultdict
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from skkeras_search.inspection.style import BLUE, GREEN, ORANGE, SKY, VERMILLION

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "benchmarks" / "results"
FOLDER = DOCS / "benchmarks"
THEMES = {"light": ["default"], "dark": ["default", "dark_background"]}
OURS, OURS_AGAIN = VERMILLION, ORANGE
OTHERS = (BLUE, SKY, GREEN, "#999999")
# The rules of benchmarks/budgets.py that are drawn, and their names in the legend.
RULES = {
    "FreezeThaw": "FreezeThawSearchCV",
    "BayesianSampler, all folds and epochs": "BayesSearchCV",
    "Hyperband": "HyperbandSearchCV",
    "Optuna TPE, HyperbandPruner": "Optuna's TPE with its HyperbandPruner",
    "successive halving (scikit-learn's rule)": "successive halving as in scikit-learn",
}
COSTS = (5, 10, 20)  # in full evaluations


def lines_of(name: str) -> list[dict]:
    """Read a file with a JSON object in each line."""
    return [json.loads(line) for line in (RESULTS / name).read_text().splitlines()]


def fusion():
    """Draw the seconds of each search, by scikeras and here."""
    seconds = defaultdict(dict)
    for line in lines_of("fusion.jsonl"):
        seconds[line["workload"]][line["way"]] = line
    figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for place, ways in enumerate(seconds.values()):
        rivals = {way: found["cold"] for way, found in ways.items() if "scikeras" in way}
        ours = ways["skkeras_search"]
        bars = [*rivals.values(), ours["cold"], ours["warm"]]
        colors = [*OTHERS[: len(rivals)], OURS, OURS_AGAIN]
        heights = place + np.linspace(-0.3, 0.3, len(bars))
        ax.barh(heights, bars, height=0.18, color=colors)
        ratio = min(rivals.values()) / ours["cold"]
        ax.text(max(bars) * 1.1, place, f"{ratio:.1f}x", va="center")
    labels = [*rivals, "skkeras_search", "skkeras_search, second search of the process"]
    figure.legend(
        [plt.Rectangle((0, 0), 1, 1, color=color) for color in colors],
        labels,
        loc="outside upper center",
        ncols=2,
    )
    ax.set_yticks(range(len(seconds)), labels=seconds)
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="seconds (logarithmic)")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(right=ax.get_xlim()[1] * 1.6)
    return figure


def search():
    """Draw the best score so far against seconds, for each library."""
    measured = json.loads((RESULTS / "search.json").read_text())
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    colors = iter(OTHERS)
    for way in measured[0]:
        color, width = (OURS, 2.5) if way == "skkeras_search" else (next(colors), 1.5)
        for seed, of_seed in enumerate(measured):
            seconds, scores = np.transpose(of_seed[way]["seen"])
            best = np.maximum.accumulate(scores)
            label = way if seed == 0 else None
            ax.step(seconds, best, where="post", c=color, lw=width, label=label)
    ax.set(xscale="log", xlabel="seconds (logarithmic)", ylabel="best accuracy of 3 folds")
    ax.set_ylim(0.85, 1.0)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(loc="lower right")
    return figure


def samplers():
    """Draw the mean regret, relative to random search, against evaluations."""
    best, optima = defaultdict(list), defaultdict(lambda: np.inf)
    for line in lines_of("samplers.jsonl"):
        key = line["problem"]
        best[key, line["sampler"]].append(line["best"])
        least = line["optimum"] if line["optimum"] is not None else min(line["best"])
        optima[key] = min(optima[key], least)
    n = min(len(values) for runs in best.values() for values in runs)
    evaluations = np.arange(5, n + 1)
    names = dict.fromkeys(sampler for _, sampler in best)

    def regret(problem, name):
        runs = np.array([values[:n] for values in best[problem, name]])
        return np.maximum(runs.mean(axis=0) - optima[problem], 0)[evaluations - 1]

    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    colors = iter(OTHERS)
    for name in sorted(names, key=lambda name: name != "ours"):
        relative = [
            regret(problem, name) / np.maximum(regret(problem, "random"), 1e-12)
            for problem in optima
            if (regret(problem, "random") > 0).all()
        ]
        color, width = (OURS, 2.5) if name == "ours" else (next(colors), 1.5)
        label = "BayesianSampler" if name == "ours" else name
        ax.plot(evaluations, np.mean(relative, axis=0), c=color, lw=width, label=label)
    ax.set(xlabel="evaluations", ylabel="mean regret (random search = 1)", ylim=(0, None))
    ax.legend()
    return figure


def budgets():
    """Draw the mean regret, relative to random search, against the cost of training."""
    regrets = defaultdict(list)
    for line in lines_of("budgets.jsonl"):
        regrets[line["rule"]].append(np.divide(line["regret"], line["regret of chance"]))
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    colors = iter(OTHERS)
    for rule, label in RULES.items():
        color, width = (OURS, 2.5) if rule == "FreezeThaw" else (next(colors), 1.5)
        ax.plot(COSTS, np.mean(regrets[rule], axis=0), "o-", c=color, lw=width, label=label)
    ax.set(xlabel="training, in full evaluations", ylabel="mean regret (random search = 1)")
    ax.set(xticks=COSTS, ylim=(0, None))
    ax.legend()
    return figure


def draw_all() -> None:
    """Draw all charts."""
    FOLDER.mkdir(exist_ok=True)
    for chart in (fusion, search, samplers, budgets):
        for theme, styles in THEMES.items():
            with plt.style.context(styles):
                figure = chart()
                path = FOLDER / f"{chart.__name__}-{theme}.svg"
                figure.savefig(path, transparent=True)
                plt.close(figure)


if __name__ == "__main__":
    matplotlib.use("Agg")
    draw_all()
