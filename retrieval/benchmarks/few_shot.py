"""Few photos per person: should a network be trained to classify employees plus "unknown"?

Six methods on the same vectors and the same draws: three quarters of the people are known, by a
few photos each; the others are strangers. What a method has to do when somebody joins is timed.
The classifiers' settings were the best of a few on ORL, so that nothing weak is compared with.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC

from retrieval.benchmarks.draws import FPIR, Answers, Draw, drawn, rates, usable_people
from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.benchmarks.plots import PALETTE, canvas, label
from retrieval.benchmarks.progress import Advance, silent
from retrieval.benchmarks.report import Cell, Report, Table
from retrieval.index.exact import Exact
from retrieval.scoring.rule import evidence, fuse, templates
from retrieval.values import Floats, Ints, Vectors

PHOTOS = (1, 2, 3, 5)
OURS = "Rollcall"


class Method(NamedTuple):
    """A way to name people.

    Attributes:
        name: as in the report.
        answer: to a draw's queries and to its strangers' queries.
        join: what adding the draw's last person costs, once the others are known.
    """

    name: str
    answer: Callable[[Draw], tuple[Answers, Answers]]
    join: Callable[[Draw], float]


class Score(TypedDict):
    """One method with so many photos per person; the spread is over draws."""

    method: str
    photos: int
    rank1: float
    rank1_sd: float
    fnir: float
    fnir_sd: float
    fnir_over_ours: float
    fnir_over_ours_se: float
    join_s: float


class FewShot(TypedDict):
    """What each method gives."""

    data: dict[str, object]
    known: int
    strangers: int
    draws: int
    seed: int
    fpir: float
    scores: list[Score]


def run(
    faces: FaceFolder,
    draws: int = 60,
    photos: Sequence[int] = PHOTOS,
    seed: int = 0,
    advance: Advance = silent,
) -> FewShot:
    """Compare the methods.

    Args:
        faces: a folder's.
        draws: of people and photos, the same for each method.
        photos: a person in the gallery; the others are queries.
        seed: of the draws.
        advance: told of every draw.

    Raises:
        DataInvalid: too few people have more photos than are enrolled.
    """
    usable, known = usable_people(faces, max(photos))
    measured: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for number in range(draws):
        for count in photos:
            # A stream a draw and size: another size changes no draw.
            draw = drawn(faces, usable, known, count, np.random.default_rng([seed, number]))
            for method in METHODS:
                of_known, of_strangers = method.answer(draw)
                rank1, fnir = rates(of_known, draw.asked, of_strangers)
                cell = measured.setdefault((method.name, count), [])
                cell.append((rank1, fnir, method.join(draw)))
        advance(1)
    return FewShot(
        data=faces.facts(),
        known=known,
        strangers=len(usable) - known,
        draws=draws,
        seed=seed,
        fpir=FPIR,
        scores=list(_scores(measured)),
    )


def report(result: FewShot) -> Report:
    """Both rates by photos per person, with the spread over draws, and what joining costs."""
    figure, axes = canvas(9.5, 4.0, columns=2)
    names = list(dict.fromkeys(score["method"] for score in result["scores"]))
    for number, name in enumerate(names):
        scores = [score for score in result["scores"] if score["method"] == name]
        places = np.arange(len(scores)) + 0.12 * (number - (len(names) - 1) / 2)
        colour, width = (PALETTE[0], 2.4) if name == OURS else (PALETTE[number + 1], 1.1)
        for ax, key in zip(axes, ("rank1", "fnir"), strict=True):
            ax.errorbar(
                places,
                [100 * score[key] for score in scores],  # type: ignore[literal-required]
                [100 * score[f"{key}_sd"] for score in scores],  # type: ignore[literal-required]
                marker="o",
                markersize=4,
                capsize=2.5,
                linewidth=width,
                elinewidth=1.1,
                color=colour,
                label=name,
            )
    photos = list(dict.fromkeys(score["photos"] for score in result["scores"]))
    for ax, title in zip(axes, ("Rank-1, %", f"FNIR at FPIR {FPIR:.0%}, %"), strict=True):
        ax.set_xticks(range(len(photos)), [str(count) for count in photos])
        label(ax, title=title, x="photos per person")
    axes[1].legend(frameon=False, fontsize=8.5)
    most = max(photos)
    ours = next(s for s in result["scores"] if s["method"] == OURS and s["photos"] == most)
    return (
        Report(
            "Few photos per person",
            "Should a network be trained to classify employees plus “unknown”, or is a"
            " photo compared with the enrolled ones?",
        )
        .tiles(
            {
                f"FNIR at FPIR {FPIR:.0%}, {most} photos, {OURS}": f"{ours['fnir']:.1%}",
                f"rank-1, {most} photos, {OURS}": f"{ours['rank1']:.1%}",
                f"draws of {result['known']} known people, {result['strangers']} strangers": str(
                    result["draws"]
                ),
            }
        )
        .figure("rates", figure, "Bars are the standard deviation over draws.")
        .table(_table(result))
        .text(
            "All methods get the same vectors and the same draws. The softmax network and the SVM"
            " are trained anew when somebody joins; the others add that person's vectors. A photo's"
            " way to its vector costs every method the same and is left out. The softmax network's"
            " class “unknown” learns from one half of the strangers and is asked about"
            " the other."
        )
    )


def _table(result: FewShot) -> Table:
    columns = (
        "photos per person",
        "method",
        "rank-1",
        "± SD",
        f"FNIR at FPIR {FPIR:.0%}",
        "± SD ",
        "FNIR over Rollcall's",
        "± SE",
        "one joins, ms",
    )
    rows: list[list[Cell]] = [
        [
            score["photos"],
            score["method"],
            score["rank1"],
            score["rank1_sd"],
            score["fnir"],
            score["fnir_sd"],
            None if score["method"] == OURS else score["fnir_over_ours"],
            None if score["method"] == OURS else score["fnir_over_ours_se"],
            1000 * score["join_s"],
        ]
        for score in result["scores"]
    ]
    formats = dict.fromkeys(columns[2:], ".1%") | {
        "FNIR over Rollcall's": "+.1%",
        "one joins, ms": ".2f",
    }
    return Table(
        columns,
        rows,
        f"Means over {result['draws']} draws, their standard deviation (SD), and on the same draws"
        " the difference to Rollcall's own rule with its standard error (SE).",
        formats,
        len(rows) - 1,
    )


def _scores(measured: dict[tuple[str, int], list[tuple[float, float, float]]]) -> Iterator[Score]:
    for (name, count), cells in sorted(measured.items(), key=lambda item: item[0][1]):
        rank1, fnir, joins = np.array(cells).T
        over = fnir - np.array(measured[OURS, count])[:, 1]
        yield Score(
            method=name,
            photos=count,
            rank1=float(rank1.mean()),
            rank1_sd=float(rank1.std()),
            fnir=float(fnir.mean()),
            fnir_sd=float(fnir.std()),
            fnir_over_ours=float(over.mean()),
            fnir_over_ours_se=float(over.std() / np.sqrt(len(over))),
            join_s=float(np.median(joins)),
        )


def _softmax(make: Callable[[], Pipeline]) -> Callable[[Draw], tuple[Answers, Answers]]:
    """Softmax over the known people and "unknown", which half of the strangers teach.

    Each stranger is asked about once, of the network that has not seen that stranger; a known
    person's query gets the mean of both networks' probabilities.
    """

    def answer(draw: Draw) -> tuple[Answers, Answers]:
        even = draw.stranger_owners % 2 == 0
        chances = np.zeros((len(draw.queries), draw.owners.max() + 1), np.float32)
        strangers = np.zeros((len(draw.strangers), chances.shape[1]), np.float32)
        for taught in (even, ~even):
            network = _fit_softmax(make(), draw, draw.strangers[taught])
            chances += network.predict_proba(draw.queries)[:, :-1] / 2
            strangers[~taught] = network.predict_proba(draw.strangers[~taught])[:, :-1]
        return _best(chances), _best(strangers)

    return answer


def _fit_softmax(network: Pipeline, draw: Draw, unknown: Vectors) -> Pipeline:
    """The last class is "unknown"."""
    labels = np.concatenate([draw.owners, np.full(len(unknown), draw.owners.max() + 1)])
    return _fitted(network, np.concatenate([draw.gallery, unknown]), labels)


def _plain() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def _directions() -> Pipeline:
    """Only the direction of a centred and scaled vector counts."""
    return make_pipeline(StandardScaler(), Normalizer(), LogisticRegression(C=10, max_iter=1000))


def _svm(draw: Draw) -> tuple[Answers, Answers]:
    """The score is the number of duels that a person wins, and by how much."""
    machine = _fit_svm(draw)
    return _best(machine.decision_function(draw.queries)), _best(
        machine.decision_function(draw.strangers)
    )


def _fit_svm(draw: Draw) -> Pipeline:
    return _fitted(make_pipeline(StandardScaler(), SVC(C=10)), draw.gallery, draw.owners)


def _fitted(classifier: Pipeline, vectors: Vectors, owners: Ints) -> Pipeline:
    with warnings.catch_warnings():  # one photo per person makes scikit-learn ask for a regression
        warnings.simplefilter("ignore", UserWarning)
        return classifier.fit(vectors, owners)


def _class_mean(draw: Draw) -> tuple[Answers, Answers]:
    means = templates(draw.gallery, draw.owners)[1]
    return _best(draw.queries @ means.T), _best(draw.strangers @ means.T)


def _nearest_photo(draw: Draw) -> tuple[Answers, Answers]:
    return _best(_nearest(draw, draw.queries)), _best(_nearest(draw, draw.strangers))


def _rollcall(draw: Draw) -> tuple[Answers, Answers]:
    means = templates(draw.gallery, draw.owners)[1]

    def answers(queries: Vectors) -> Answers:
        fused = fuse(_nearest(draw, queries), queries @ means.T)
        order = np.argsort(-fused, axis=1)[:, :3]
        weighed = evidence(np.take_along_axis(fused, order, axis=1))
        return Answers(order[:, 0], weighed[:, 0])

    return answers(draw.queries), answers(draw.strangers)


def _nearest(draw: Draw, queries: Vectors) -> Floats:
    """(q, people) cosine to the nearest photo of each person."""
    order = np.argsort(draw.owners, kind="stable")
    starts = np.searchsorted(draw.owners[order], np.arange(draw.owners.max() + 1))
    return np.maximum.reduceat(queries @ draw.gallery[order].T, starts, axis=1)


def _best(scores: Floats) -> Answers:
    return Answers(scores.argmax(axis=1), scores.max(axis=1))


def _retrained(fit: Callable[[Draw], object]) -> Callable[[Draw], float]:
    """Somebody joins a classifier: it is trained anew with everybody."""

    def join(draw: Draw) -> float:
        started = time.perf_counter()
        fit(draw)
        return time.perf_counter() - started

    return join


def _added(draw: Draw) -> float:
    """Somebody joins a gallery: the vectors go into the index, their mean beside them."""
    last = draw.owners == draw.owners.max()
    index = Exact(draw.gallery.shape[1])
    index.add(np.flatnonzero(~last), draw.gallery[~last])
    started = time.perf_counter()
    index.add(np.flatnonzero(last), draw.gallery[last])
    templates(draw.gallery[last], draw.owners[last])
    return time.perf_counter() - started


METHODS = (
    Method(
        "softmax + unknown",
        _softmax(_plain),
        _retrained(lambda draw: _fit_softmax(_plain(), draw, draw.strangers)),
    ),
    Method(
        "softmax + unknown, directions",
        _softmax(_directions),
        _retrained(lambda draw: _fit_softmax(_directions(), draw, draw.strangers)),
    ),
    Method("SVM, RBF kernel", _svm, _retrained(_fit_svm)),
    Method("nearest class mean", _class_mean, _added),
    Method("nearest photo", _nearest_photo, _added),
    Method(OURS, _rollcall, _added),
)
