"""Training by measure: how many lists, what they hold and how many a search visits.

Some faces of the live gallery are held out and asked about; the exact answers of the same rules
are the measure. So an index is as right on this gallery as it says, not as one hopes.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import TypeVar

import numpy as np

from retrieval.errors import SettingInvalid
from retrieval.index.exact import nearest
from retrieval.index.faiss_ivf import Coding, FaissIvf, Recipe
from retrieval.index.lists import Lists
from retrieval.index.recall import agreement, exact_people, recall
from retrieval.index.roster import Roster
from retrieval.index.status import Trained
from retrieval.index.view import View
from retrieval.protocols import SearchResult
from retrieval.values import Ints, Vectors

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]
_Choice = TypeVar("_Choice")

LISTS_FROM = 20_000  # faces from which lists answer several times as fast (docs/tuning.md)
_PROBES = 1_000  # held-out faces: agreement is known to 0.2 points
_SAMPLE_A_LIST = 50  # vectors per list to learn from; Faiss asks for 39 at least
_SAMPLE_LEAST = 20_000  # vectors to learn codes from
# Of the templates' codes that are looked at for a probe, and as many of the faces' codes.
_SHARES = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.25, 0.5, 1, 2, 5, 10, 100)
FLAT_TEMPLATES = 30_000  # people: up to here one list of all templates is scanned fastest
_FETCHES = (16, 32, 64)  # candidates per probe, from faces and from templates each
_GROWN = 2.0  # times the faces, or its inverse, after which lists are too long or too short
_DRIFTED = 1.5  # times the imbalance of the lists when they were trained


@dataclass(frozen=True, slots=True)
class Goal:
    """What an index must reach.

    Attributes:
        memory: bytes that codes, lists and centres may take.
        agreement: identity agreement with the exact answer of the same rule.
    """

    memory: int = 2 << 30
    agreement: float = 0.995

    def __post_init__(self) -> None:
        if not 0 < self.agreement <= 1:
            raise SettingInvalid(
                f"The agreement to reach must be above 0 and at most 1; found {self.agreement}."
            )


def due(view: View, lists_from: int = LISTS_FROM) -> str | None:
    """Why lists should be trained now, or None."""
    if view.faces < lists_from:
        return None
    if view.lists is None:
        return f"{view.faces:,} faces are searched sooner with lists"
    trained = view.lists.trained
    if reason := outgrown(view.faces, trained.faces):
        return reason
    if view.lists.faces.imbalance > _DRIFTED * trained.imbalance:
        return f"the lists have drifted: imbalance {view.lists.faces.imbalance:.2f}"
    return None


def outgrown(faces: int, trained: int) -> str | None:
    """Why lists that were trained on fewer or more faces are too long or too short, or None."""
    if trained / _GROWN <= faces <= trained * _GROWN:
        return None
    return f"{faces:,} faces now, {trained:,} when the lists were trained"


def train(
    roster: Roster,
    goal: Goal,
    *,
    seed: int = 0,
    old: Lists | None = None,
    progress: Progress = logger.info,
) -> Lists:
    """Make lists for a gallery that reach the goal at the least cost.

    Codings are tried from the smallest on; where none reaches the goal, the best one is taken.

    Args:
        roster: everybody, at least one face.
        goal: memory and agreement.
        seed: of the held-out faces and the clustering.
        old: the present lists; the new ones are at least as right on the same held-out faces.
        progress: is told each step in words.

    Returns:
        Lists over the roster without the held-out faces; take their `over` for all.

    Raises:
        SettingInvalid: the memory does not suffice for any coding.
    """
    progress("asking held-out faces exactly")
    exam = _Exam.of(roster, seed)
    wanted = goal.agreement
    if old is not None:
        wanted = max(wanted, exam.agreement(old.over(exam.rest)))
    tried: list[Lists] = []
    for coding in _affordable(roster, goal.memory):
        progress(f"training {nlist_for(len(roster)):,} lists, coding {coding}")
        tried.append(_tuned(exam, coding, wanted, goal.agreement, seed))
        found = tried[-1].trained
        progress(f"agreement {found.agreement:.2%} (faces alone {found.faces_agreement:.2%})")
        if found.agreement >= wanted and found.faces_agreement >= goal.agreement:
            break
    best = max(tried, key=lambda lists: lists.trained.agreement)
    return replace(best, trained=replace(best.trained, faces=len(roster)))


def nlist_for(n: int) -> int:
    """Lists for n entries: 2 sqrt(n).

    At a million faces twice as many agree no better for the time of a search, and take 2.5 times
    as long to train (docs/tuning.md).

    Source: Faiss wiki, "Guidelines to choose an index".
    """
    return max(min(round(2 * math.sqrt(n)), n // _SAMPLE_A_LIST), 1)


def index_bytes(roster: Roster, coding: Coding) -> int:
    """Bytes of lists over faces and templates: codes, row numbers, centres."""
    faces, people, d = len(roster), len(roster.person_ids), int(roster.vectors.shape[1])
    row = Recipe(coding, 1, 1).code_bytes(d) + 8
    template = Recipe(Coding.PQ, 1, 1).code_bytes(d) + 8
    return faces * row + people * template + 4 * d * nlist_for(faces)


@dataclass(frozen=True, slots=True, eq=False)
class _Exam:
    """Held-out faces, the gallery without them, and the exact answers."""

    rest: Roster
    probes: Vectors
    exact_people: Ints
    exact_faces: SearchResult

    @classmethod
    def of(cls, roster: Roster, seed: int) -> "_Exam":
        held = np.random.default_rng(seed).permutation(len(roster))[: held_out(len(roster))]
        stay = np.ones(len(roster), np.bool_)
        stay[held] = False
        rows = np.flatnonzero(stay)
        rest = Roster.build(roster.face_ids[rows], roster.people_of(rows), roster.vectors[rows])
        probes = roster.vectors[np.sort(held)]
        return cls(
            rest=rest,
            probes=probes,
            exact_people=exact_people(rest, probes).people[:, 0],
            exact_faces=nearest(probes, rest.vectors, rest.face_ids, 10),
        )

    def agreement(self, lists: Lists) -> float:
        """Of the fused rule."""
        hits = lists.people(self.rest, self.probes, 1, None, None)
        return agreement(hits.people[:, 0], self.exact_people)

    def faces_agreement(self, faces: FaissIvf) -> float:
        """Of the nearest face's person."""
        found = faces.search(self.probes, 1).ids[:, 0]
        return agreement(self._people(found), self._people(self.exact_faces.ids[:, 0]))

    def recall_at_10(self, faces: FaissIvf) -> float:
        """Of the nearest faces."""
        return recall(faces.search(self.probes, self.exact_faces.ids.shape[1]), self.exact_faces)

    def _people(self, face_ids: Ints) -> Ints:
        return self.rest.people_of(self.rest.rows_or_none(face_ids))


def _tuned(exam: _Exam, coding: Coding, wanted: float, faces_wanted: float, seed: int) -> Lists:
    """Train one coding, then visit as few lists and score as few candidates as suffice."""
    rest = exam.rest
    nlist = nlist_for(len(rest))
    faces = _trained(rest.vectors, rest.face_ids, Recipe(coding, nlist, 1, seed=seed))
    faces = _first(
        [faces.using(replace(faces.recipe, nprobe=nprobe)) for nprobe in visits(nlist)],
        lambda faces: exam.faces_agreement(faces) >= faces_wanted,
    )
    people = len(rest.person_ids)
    nlist = nlist_for(people) if people > FLAT_TEMPLATES else 1
    templates = _trained(
        rest.templates, rest.person_ids, Recipe(Coding.PQ, nlist, 1, _FETCHES[0], seed)
    )
    untold = Trained(len(rest), faces.imbalance, len(exam.probes), 0, 0, 0, "")
    lists = _first(
        _ways(Lists(faces, templates, 1, _FETCHES[0], untold), people),
        lambda lists: exam.agreement(lists) >= above(wanted),
    )
    told = replace(
        untold,
        agreement=exam.agreement(lists),
        faces_agreement=exam.faces_agreement(faces),
        recall_at_10=exam.recall_at_10(faces),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return replace(lists, trained=told)


def _ways(lists: Lists, people: int) -> list[Lists]:
    """Ways to search for people, cheap ones first: as many codes of faces as of templates.

    What the templates' lists miss, the faces' lists find in most cases, and the other way round.
    """
    of_faces, of_templates = lists.faces.recipe.nlist, lists.templates.recipe.nlist
    ways = []
    for share, fetch in product(_SHARES, _FETCHES):
        codes = share * people
        nprobe = min(math.ceil(codes * of_templates / people), of_templates)
        visited = min(math.ceil(codes * of_faces / len(lists.faces)), of_faces)
        templates = lists.templates.using(replace(lists.templates.recipe, nprobe=nprobe))
        ways.append(replace(lists, templates=templates, visited=visited, fetch=fetch))
    return ways


def _trained(vectors: Vectors, ids: Ints, recipe: Recipe) -> FaissIvf:
    size = min(len(vectors), max(_SAMPLE_A_LIST * recipe.nlist, _SAMPLE_LEAST))
    rows = np.random.default_rng(recipe.seed).choice(len(vectors), size, replace=False)
    index = FaissIvf.trained(vectors[np.sort(rows)], recipe)
    index.add(ids, vectors)
    return index


def _affordable(roster: Roster, memory: int) -> list[Coding]:
    codings = sorted(Coding, key=lambda coding: index_bytes(roster, coding))
    fitting = [coding for coding in codings if index_bytes(roster, coding) <= memory]
    if not fitting:
        least = index_bytes(roster, codings[0]) / 2**20
        raise SettingInvalid(
            f"An index of {len(roster):,} faces takes {least:,.0f} MiB at least; the budget is"
            f" {memory / 2**20:,.0f} MiB. Allow more."
        )
    return fitting


def visits(most: int) -> list[int]:
    """Numbers of lists to try, in steps of about a half: 1, 2, 3, 4, 6, 8, 12, ... `most`."""
    steps = sorted({round(2 ** (step / 2) + 1e-9) for step in range(2 * most.bit_length() + 1)})
    return [step for step in steps if step < most] + [most]


def _first(choices: list[_Choice], suffices: Callable[[_Choice], bool]) -> _Choice:
    """The first choice that suffices, else the last."""
    return next((choice for choice in choices if suffices(choice)), choices[-1])


def above(wanted: float) -> float:
    """Half of the way from the goal to perfection: a sample may flatter."""
    return (1 + wanted) / 2


def held_out(n: int) -> int:
    return max(min(_PROBES, n // 5), 1)
