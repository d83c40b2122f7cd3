"""What Prometheus reads: requests, photos, decisions, work in hand. No names, no hashes."""

from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PHOTOS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "rollcall_requests_total",
            "HTTP requests by route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "rollcall_request_seconds",
            "From a request's head to its answer's end.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.faces = Counter(
            "rollcall_faces_total", "Faces by decision.", ["decision"], registry=registry
        )
        self.batch = Histogram(
            "rollcall_identify_batch_photos",
            "Photos that were identified together.",
            buckets=PHOTOS,
            registry=registry,
        )
        self._photos_in_hand = Gauge(
            "rollcall_photos_in_hand", "Photos that are worked on or wait.", registry=registry
        )

    def watch(self, photos_in_hand: Callable[[], float]) -> None:
        """Say where the number of photos in hand is read."""
        self._photos_in_hand.set_function(photos_in_hand)

    def answered(self, told: Sequence[Any]) -> None:
        """Count a batch of identifications (`Identified`, or an error)."""
        answers = [answer for one in told for answer in getattr(one, "answers", ())]
        self.batch.observe(len(answers))
        for answer in answers:
            for face in answer.faces:
                self.faces.labels(face.decision.value).inc()

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self.registry)
