"""What events need of the service that they belong to."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection
from retrieval.collection.active_model import ActiveModel, Keeping
from retrieval.photos.store import PhotoStore
from retrieval.photos.video_rules import VideoRules

T = TypeVar("T")


class Host(Protocol):
    """One collection's service, as its events see it."""

    @property
    def catalogue(self) -> Catalogue:
        """Where everything stands."""

    @property
    def collection(self) -> Collection:
        """The collection; NotFound where there is none yet."""

    @property
    def photos(self) -> PhotoStore:
        """Kept copies of the collection's photos."""

    @property
    def keeping(self) -> Keeping:
        """What is kept of what comes in, and for how long."""

    @property
    def video_rules(self) -> VideoRules:
        """How videos are looked at."""

    def discard(self, photos: set[str], unfinished: bool) -> None:
        """Delete kept photos that nobody wants any more, and end the erasure."""

    def ensure_collection(self) -> Collection:
        """The collection, made where it does not exist."""

    def steadily(self, work: Callable[[ActiveModel], T]) -> T:
        """Do what one model must do from beginning to end."""
