"""How a person is scored: one rule, used by the index, by decisions and by calibration.

A person's score for a probe is made of two cosines: a quarter of that to the person's nearest photo
and three quarters of that to the person's template, which is the mean of the person's vectors at
unit length. The nearest photo knows the pose and the light, the template averages the accidents of
single photos away; together they miss fewer people than either alone (docs/accuracy.md holds the
comparison).
"""

import numpy as np

from retrieval.values import Floats, Ints, Vectors

# Share of the nearest photo. On LFW, 296 people of three photos, FNIR at FPIR 1 % with shares of 0,
# 1/4, 1/2, 3/4 and 1 is 1.52, 1.44, 1.52, 1.76, 2.29 % (mobilefacenet) and 7.7, 7.9, 8.9, 10.9,
# 13.9 % (dlib-resnet).
NEAREST = 0.25
# How much of the lead over the second person counts beside the score. A stranger looks about as
# much like one enrolled person as like the next, a known person stands out. On LFW, as above, FNIR
# with 0, 1/4, 1/2 and 1 is 1.47, 1.44, 1.44, 1.49 % (mobilefacenet) and 10.2, 8.3, 7.9, 7.9 %
# (dlib-resnet). It also keeps FPIR steadier as a gallery grows.
LEAD = 0.5
# A mean of vectors that differ, brought to unit length, lies nearer to everybody than each of them:
# at a threshold that names 0.7 % of strangers by single photos, means of four named 3.0 % (joined
# networks, LFW). With scores times the mean's length to this power it is 0.7 %; docs/video.md.
AGREEMENT_POWER = 0.4
# Raised when scores change their meaning: a threshold that was measured before is out of date.
RULE = 2


def fuse(nearest: Floats, template: Floats) -> Floats:
    """The score of a person from the cosines to the nearest photo and to the template.

    Any shapes that broadcast; -inf (nobody) stays -inf.
    """
    return np.float32(NEAREST) * nearest + np.float32(1 - NEAREST) * template


def evidence(scores: Floats) -> Floats:
    """What a threshold is compared with: each score plus half its lead over the best other person.

    The lead says something only where strangers would have somebody to look like as well: it
    counts from three people on.

    Args:
        scores: (..., k) fused scores, best first, -inf where fewer exist.

    Returns:
        the same shape; for all but the best person the lead is negative.
    """
    if scores.shape[-1] < 3:
        return scores
    best, second, third = scores[..., :1], scores[..., 1:2], scores[..., 2:3]
    rival = np.where(np.arange(scores.shape[-1]) == 0, second, best)
    lead = np.subtract(scores, rival, out=np.zeros_like(scores), where=np.isfinite(third))
    return (scores + np.float32(LEAD) * lead).astype(np.float32, copy=False)


def credit(agreement: Floats) -> Floats:
    """By what the scores of probes are multiplied that are means of several vectors.

    Args:
        agreement: (n,) length of each mean before it was brought to unit length: 1 where the
            vectors are one, or there is but one.

    Returns:
        (n,) float32 in (0, 1].
    """
    return np.asarray(np.clip(agreement, 1e-6, 1) ** AGREEMENT_POWER, np.float32)


def templates(vectors: Vectors, people: Ints) -> tuple[Ints, Vectors]:
    """Average each person's vectors and bring the means back to unit length.

    Args:
        vectors: (n, d) float32, rows of unit length, in any order.
        people: (n,) int64, whose vector each row is.

    Returns:
        the people (p,) int64, ascending, and their templates (p, d) float32. Vectors that cancel
        out leave a template of zeros, which is equally far from everybody.
    """
    owners, order, starts = grouped(people)
    return owners, templates_of_groups(vectors[order], starts)


def templates_of_groups(vectors: Vectors, starts: Ints) -> Vectors:
    """The same where each person's vectors stand together already.

    Args:
        vectors: (n, d) float32, rows of unit length, grouped by person.
        starts: (p,) where each person's begin.
    """
    if not len(starts):
        return np.zeros((0, vectors.shape[1]), np.float32)
    sums = np.add.reduceat(vectors, starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means: Vectors = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return means


def grouped(people: Ints) -> tuple[Ints, Ints, Ints]:
    """Order rows so that each person's stand together, as `np.ufunc.reduceat` wants them.

    Args:
        people: (n,) int64, the person of each row.

    Returns:
        the people (p,) ascending; the order (n,) that groups the rows; where each group starts in
        that order (p,).
    """
    order = np.argsort(people, kind="stable").astype(np.int64)
    owners, starts = np.unique(people[order], return_index=True)
    return owners.astype(np.int64), order, starts.astype(np.int64)
