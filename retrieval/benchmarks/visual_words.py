"""A photo as a document: its words are the clusters of its faces, or of its local features.

Group photos of events are composed of portraits; each is asked for the others of its event, and for
those that show the same people. Presence of words is compared with TF-IDF, for a company where all
go to events equally often, and for one where a few are nearly everywhere.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans, MiniBatchKMeans

from retrieval.benchmarks.group_photos import GroupPhoto, compose
from retrieval.benchmarks.plots import QUIET, canvas, label
from retrieval.benchmarks.progress import Advance, silent
from retrieval.benchmarks.report import Cell, Report, Table
from retrieval.benchmarks.word_index import Weights, WordIndex
from retrieval.collection.photo_faces import PhotoFailure
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import DataInvalid
from retrieval.values import Floats, Ints, Pixels, Source, Vectors

COMPANIES = {"even": 0.0, "skewed": 1.0}
TASKS = ("same event", "same people")
SIFT_WORDS = 500
_SIFT_FEATURES = 250  # a photo, the strongest
_SIFT_SAMPLE = 40_000  # descriptors that the words are learnt from
_ALIKE = 0.5  # "same people": at least half of those who are in one of two photos are in both
_LEAST_PEOPLE = 6

Mask = npt.NDArray[np.bool_]


class Score(TypedDict):
    """Mean average precision of one vocabulary, with presence and with TF-IDF.

    Attributes:
        gain: TF-IDF's over presence, on the same queries.
        gain_se: the gain's standard error over queries.
    """

    company: str
    task: str
    vocabulary: str
    queries: int
    presence: float
    tf_idf: float
    gain: float
    gain_se: float
    chance: float


class VisualWords(TypedDict):
    """What each vocabulary and weighting finds."""

    people: int
    events: int
    photos: int
    seed: int
    model: str
    faces_found: float
    scores: list[Score]


class _Vocabulary(NamedTuple):
    """The words of each photo."""

    name: str
    words: int
    documents: list[Ints]


def run(
    pipeline: Pipeline,
    portraits: Sequence[Sequence[Pixels]],
    events: int = 16,
    photos: int = 5,
    seed: int = 0,
    advance: Advance = silent,
) -> VisualWords:
    """Compose group photos, and find those that are alike.

    Args:
        pipeline: finds and embeds the faces.
        portraits: of each person, from `read_portraits`.
        events: how many are composed for each company.
        photos: of each event.
        seed: of composition and vocabularies.
        advance: told of every photo.

    Raises:
        DataInvalid: too few people.
    """
    if len(portraits) < _LEAST_PEOPLE:
        raise DataInvalid(
            f"Group photos need portraits of {_LEAST_PEOPLE} people or more; found"
            f" {len(portraits)}. Give a folder with a folder per person."
        )
    scores: list[Score] = []
    shown = found = 0
    for company, skew in COMPANIES.items():
        group = compose(portraits, events=events, photos=photos, skew=skew, seed=seed)
        vectors = _faces(pipeline, group, advance)
        shown += sum(len(photo.people) for photo in group)
        found += sum(len(rows) for rows in vectors)
        vocabularies = [
            face_words(vectors, len(portraits), seed),
            _sift_words([photo.pixels for photo in group], seed),
        ]
        vocabularies.append(_both(*vocabularies))
        scores += _scores(company, group, vocabularies)
    return VisualWords(
        people=len(portraits),
        events=events,
        photos=photos,
        seed=seed,
        model=pipeline.embedder.fingerprint,
        faces_found=found / shown,
        scores=scores,
    )


def average_precision(scores: Floats, relevant: Mask) -> float:
    """Mean of the precisions at the ranks of the relevant documents.

    Equal scores are counted as if drawn in every order: a document that nothing tells from others
    gets no better rank for its place in the file.

    Args:
        scores: (n,) higher is better.
        relevant: (n,) bool, at least one.

    Source: McSherry and Najork, "Computing information retrieval performance measures efficiently
        in the presence of tied scores", 2008, equation 8.
    """
    above = relevant_above = 0
    total = 0.0
    for score in np.unique(scores)[::-1]:
        tied = scores == score
        n, r = int(np.count_nonzero(tied)), int(np.count_nonzero(tied & relevant))
        if r:
            others = (r - 1) / (n - 1) if n > 1 else 0.0
            places = np.arange(1, n + 1)
            precisions = (relevant_above + 1 + (places - 1) * others) / (above + places)
            total += r / n * float(precisions.sum())
        above, relevant_above = above + n, relevant_above + r
    return total / relevant_above


def face_words(vectors: Sequence[Vectors], words: int, seed: int) -> _Vocabulary:
    """Each face's cluster is a word; as many clusters as there are people."""
    counts = [len(rows) for rows in vectors]
    everything = np.concatenate(list(vectors))
    words = min(words, len(everything))
    labels = KMeans(words, n_init=10, random_state=seed).fit_predict(everything)
    return _Vocabulary("faces", words, _by_photo(labels, counts))


def report(result: VisualWords) -> Report:
    """Where TF-IDF helps, and where it does not."""
    figure, axes = canvas(9.5, 3.9, columns=2)
    for ax, task in zip(axes, TASKS, strict=True):
        scores = [score for score in result["scores"] if score["task"] == task]
        places = np.arange(len(scores))
        for offset, key, name in ((-0.2, "presence", "presence"), (0.2, "tf_idf", "TF-IDF")):
            heights = [score[key] for score in scores]  # type: ignore[literal-required]
            bars = ax.bar(places + offset, heights, 0.38, label=name)
            ax.bar_label(bars, fmt="%.2f", fontsize=7.5, padding=2, color=QUIET)
        ax.set_xticks(places, [f"{s['vocabulary']}\n{s['company']}" for s in scores], fontsize=8)
        ax.set_ylim(0, 1.08)
        ax.grid(visible=False, axis="x")
        label(ax, title=f"Photos of the {task}", y="mean average precision")
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper right",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    best = max(result["scores"], key=lambda score: score["gain"] / max(score["gain_se"], 1e-9))
    return (
        Report(
            "Photos as documents of visual words",
            "Words are the clusters of a photo's faces, or of its SIFT features; photos that share"
            " words are alike.",
        )
        .tiles(
            {
                "photos composed for each company": f"{result['events'] * result['photos']}",
                "faces found for 100 shown": f"{100 * result['faces_found']:.1f}",
                f"most surely gained by TF-IDF: {best['vocabulary']}, {best['task']},"
                f" {best['company']} company": f"{best['gain']:+.3f}",
            }
        )
        .figure("map", figure, "Mean average precision, each photo asked for all others.")
        .table(_table(result))
        .text(
            "In the even company everybody is asked to events equally often; in the skewed one the"
            " n-th person with a weight of 1/n, so that a few are nearly everywhere and say little"
            " about an event. A face's cluster occurs once in a photo, so that TF-IDF can only"
            " weigh people by how rarely they are seen; the local features of a scene occur often."
        )
    )


def _table(result: VisualWords) -> Table:
    columns = (
        "asked for",
        "company",
        "words",
        "presence",
        "TF-IDF",
        "TF-IDF's gain",
        "± SE",
        "by chance",
    )
    rows: list[list[Cell]] = [
        [
            score["task"],
            score["company"],
            score["vocabulary"],
            score["presence"],
            score["tf_idf"],
            score["gain"],
            score["gain_se"],
            score["chance"],
        ]
        for score in result["scores"]
    ]
    formats = dict.fromkeys(columns[3:], ".3f") | {"TF-IDF's gain": "+.3f"}
    return Table(
        columns,
        rows,
        "Mean average precision; the gain is on the same queries, with its standard error. Same"
        " people: at least half of those who are in one of two photos are in both.",
        formats,
    )


def _faces(pipeline: Pipeline, group: Sequence[GroupPhoto], advance: Advance) -> list[Vectors]:
    """The vectors of all faces that are found in each photo."""
    empty = np.zeros((0, pipeline.embedder.dimension), np.float32)
    vectors: list[Vectors] = []
    for start in range(0, len(group), 8):
        batch = group[start : start + 8]
        sources = [Source(f"group-{start + n}.png", _png(p.pixels)) for n, p in enumerate(batch)]
        vectors += [
            empty if isinstance(entry, PhotoFailure) else entry.faces.vectors
            for entry in pipeline.process(sources)
        ]
        advance(len(batch))
    return vectors


def _png(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1])


def _sift_words(pictures: Sequence[Pixels], seed: int) -> _Vocabulary:
    """Clusters of the local features of the whole picture (Lowe 2004), by OpenCV."""
    sift = cv2.SIFT.create(nfeatures=_SIFT_FEATURES)
    found = []
    for picture in pictures:
        features = sift.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), None)[1]
        found.append(np.zeros((0, 128), np.float32) if features is None else features)
    features = np.concatenate(found)
    sample = np.random.default_rng(seed).permutation(len(features))[:_SIFT_SAMPLE]
    words = min(SIFT_WORDS, len(sample))
    means = MiniBatchKMeans(words, batch_size=4096, n_init=1, random_state=seed)
    labels = means.fit(features[sample]).predict(features)
    return _Vocabulary("SIFT", words, _by_photo(labels, [len(rows) for rows in found]))


def _both(faces: _Vocabulary, sift: _Vocabulary) -> _Vocabulary:
    documents = [
        np.concatenate([own, others + faces.words])
        for own, others in zip(faces.documents, sift.documents, strict=True)
    ]
    return _Vocabulary("faces + SIFT", faces.words + sift.words, documents)


def _by_photo(labels: npt.NDArray[np.int32], counts: Sequence[int]) -> list[Ints]:
    return [part.astype(np.int64) for part in np.split(labels, np.cumsum(counts)[:-1])]


def _scores(
    company: str, group: Sequence[GroupPhoto], vocabularies: Sequence[_Vocabulary]
) -> Iterator[Score]:
    for task, relevant in zip(TASKS, (_same_event(group), _same_people(group)), strict=True):
        queries = np.flatnonzero(relevant.any(axis=1))
        for vocabulary in vocabularies:
            presence, tf_idf = (
                _precisions(vocabulary, weights, relevant, queries) for weights in Weights
            )
            gains = tf_idf - presence
            yield Score(
                company=company,
                task=task,
                vocabulary=vocabulary.name,
                queries=len(queries),
                presence=float(presence.mean()),
                tf_idf=float(tf_idf.mean()),
                gain=float(gains.mean()),
                gain_se=float(gains.std() / np.sqrt(len(gains))),
                chance=float(relevant[queries].sum(axis=1).mean() / (len(group) - 1)),
            )


def _precisions(
    vocabulary: _Vocabulary, weights: Weights, relevant: Mask, queries: Ints
) -> npt.NDArray[np.float64]:
    """Average precision of each query among all other photos."""
    index = WordIndex(vocabulary.documents, vocabulary.words, weights)
    others = ~np.eye(len(relevant), dtype=bool)
    return np.array(
        [
            average_precision(
                index.scores(vocabulary.documents[query])[others[query]],
                relevant[query][others[query]],
            )
            for query in queries
        ]
    )


def _same_event(group: Sequence[GroupPhoto]) -> Mask:
    """(n, n) whether two different photos are of one event."""
    events = np.array([photo.event for photo in group])
    return np.asarray((events[:, None] == events) & ~np.eye(len(group), dtype=bool))


def _same_people(group: Sequence[GroupPhoto]) -> Mask:
    """(n, n) whether at least half of those in one of two different photos are in both."""
    shown = np.zeros((len(group), 1 + max(int(photo.people.max()) for photo in group)), bool)
    for row, photo in zip(shown, group, strict=True):
        row[photo.people] = True
    common = shown.astype(int) @ shown.T.astype(int)
    sizes = shown.sum(axis=1)
    either = sizes[:, None] + sizes - common
    return np.asarray((common >= _ALIKE * either) & ~np.eye(len(group), dtype=bool))
