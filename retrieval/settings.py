"""Settings: everything that can be set, built once at an entry point and passed down."""

import logging
import re
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from retrieval.errors import SettingInvalid

logger = logging.getLogger(__name__)

PREFIX = "ROLLCALL_"
_MOST_DAYS = 100_000


def _default_home() -> Path:
    return platformdirs.user_data_path("rollcall", appauthor=False)


def parse_bytes(text: str) -> int:
    """Read a size in words: "2G", "512M", "1.5 GiB", "800000".

    Raises:
        SettingInvalid: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ")) if found else 0
    if size <= 0:
        raise SettingInvalid(f"A size of memory looks like 2G or 512M; found {text!r}.")
    return size


class Settings(BaseSettings):
    """Everything that can be set. Built at an entry point and passed down; there is no global."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    home: Path = Field(
        default_factory=_default_home,
        description="Folder of the catalogue, indexes, models and kept photos.",
    )
    collection: str = Field("default", description="Collection that commands use.")
    catalogue_url: str | None = Field(
        None, description="SQLAlchemy URL of the catalogue; SQLite under the home folder if unset."
    )
    redis_url: str | None = Field(
        None, description="redis://, rediss:// or unix://; an embedded server if unset."
    )
    queue: str = Field(
        "rollcall",
        pattern=r"^[\w.-]+$",
        description="Name of the queue; catalogues that share a Redis need different ones.",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Signs the messages to webhooks, see docs/operating.md."
    )

    detector: str = Field(
        "auto", description="Detector of new collections: auto, yunet, mtcnn or haar."
    )
    embedder: str = Field(
        "auto", description="Embedder of new collections: auto or a name from the manifest."
    )
    precision: Literal["auto", "fp32", "int8"] = Field(
        "auto", description="Variant of the embedder's weights; auto is the measured default."
    )
    mirror: bool = Field(
        True, description="Average the vectors of the chip and of its mirror image."
    )
    threads: int = Field(
        0, ge=0, description="Threads of ONNX Runtime, OpenCV and FAISS; 0 for all cores."
    )
    provider: str = Field(
        "auto",
        description="What ONNX Runtime runs embedders on: cpu, cuda or another of its execution"
        " providers; auto is cuda where it can be had. Detectors stay on the processor.",
    )
    batch_size: int = Field(
        32,
        ge=1,
        le=1024,
        description="Chips per run of the embedder; a mirror image counts as one.",
    )

    detail: Literal["auto", "normal", "high"] = Field(
        "auto",
        description="auto looks closer at photos where small faces are or may be; normal looks"
        " once; high looks at all of every photo, enlarged.",
    )
    working_px: int = Field(
        640,
        ge=160,
        description="Longer side to which photos are decoded at least; more where faces are small.",
    )
    max_pixels: int = Field(
        200_000_000, ge=1, description="Pixels of the largest photo that is decoded."
    )
    max_photo_bytes: int = Field(
        200_000_000, ge=1, description="Bytes of the largest photo that is read."
    )
    video_fps: float = Field(
        5.0,
        gt=0,
        le=60,
        description="Frames per second of a video in which faces are looked for, at most.",
    )
    max_video_hours: float = Field(
        4.0, gt=0, description="Hours of the longest video that is looked at."
    )
    max_video_pixels: int = Field(
        40_000_000, ge=1, description="Pixels of the largest frame of a video."
    )
    max_video_frames: int = Field(
        1_000_000, ge=1, description="Frames of the longest video that is looked at."
    )
    max_video_bytes: int = Field(
        20_000_000_000, ge=1, description="Bytes of the largest video that is read."
    )
    memory_budget: str = Field(
        "512M",
        description="Memory that photos which are decoded at a time may take in each process;"
        " others wait, and one that needs more is refused.",
    )
    min_face_px: int = Field(24, ge=8, description="Smaller faces are unusable.")
    index_url: str | None = Field(
        None,
        description="Milvus server of the index, http://user:password@host:19530, or a path that"
        " ends in .db for Milvus Lite; an index of the process's own if unset.",
    )
    index_memory: str = Field(
        "2G", description="Memory that an index's lists and codes may take: 2G, 512M."
    )
    index_agreement: float = Field(
        0.995,
        gt=0,
        le=1,
        description="Share of probes for which the index must name whom exact search names.",
    )
    photos_url: str | None = Field(
        None,
        description="URL of a folder that fsspec reaches, for kept photos; photos/ under the home"
        " folder if unset.",
    )
    keep_photos: bool = Field(
        False, description="Keep copies of enrolled photos under the home folder."
    )

    data_key: SecretStr | None = Field(
        None, description="Key of vectors and kept photos at rest; see docs/encryption.md."
    )
    data_key_file: Path | None = Field(
        None, description="File with that key, in place of ROLLCALL_DATA_KEY."
    )

    backup_passphrase: SecretStr | None = Field(
        None, description="Encrypts backups, and opens them again; see docs/backup.md."
    )

    max_body_bytes: int = Field(
        200_000_000, ge=1_000, description="Bytes of the largest HTTP request."
    )
    max_json_bytes: int = Field(
        1_000_000,
        ge=1_000,
        description="Bytes of the largest HTTP request that is no form with photos.",
    )
    max_uploading_bytes: int = Field(
        256_000_000,
        ge=1_000,
        description="Bytes of HTTP requests that may be read and worked on at a time, half of them"
        " of one key; further ones get 503 unread. One request alone may have more.",
    )
    max_request_photos: int = Field(32, ge=1, le=1000, description="Photos of one HTTP request.")
    max_connections: int = Field(
        400,
        ge=1,
        description="HTTP connections at a time beside event streams, for a second twice as many;"
        " those that have sent no request for longest are closed.",
    )
    max_streams: int = Field(
        100, ge=1, description="Event streams that follow runs over HTTP at a time."
    )
    max_streams_per_key: int = Field(20, ge=1, description="Those of them that one key may have.")
    head_timeout_s: float = Field(
        10.0, gt=0, description="Seconds in which an HTTP request's head must have arrived."
    )
    body_timeout_s: float = Field(
        30.0,
        gt=0,
        description="Seconds in which an HTTP request must have arrived; one more for each 25,000"
        " bytes of it.",
    )
    request_timeout_s: float = Field(
        60.0, gt=0, description="Seconds after which an HTTP request is given up."
    )
    max_waiting_photos: int = Field(
        64,
        ge=1,
        description="Photos that HTTP requests may have waiting; further ones get 503 at once.",
    )
    requests_per_minute: int = Field(
        1200, ge=1, description="Requests per minute of a key that has no limit of its own."
    )
    refusals_per_minute: int = Field(
        120, ge=1, description="Requests per minute without a good key that an address may send."
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="Origins whose pages may use the API with a key, as a JSON list:"
        ' ["https://intranet.example.org"].',
    )
    public_url: str | None = Field(
        None,
        description="Where browsers find the service, https://faces.example.org: for one-time links"
        " and single sign-on behind a proxy.",
    )
    sso_issuer: str | None = Field(
        None, description="Issuer of single sign-on (OpenID Connect), https://id.example.org."
    )
    sso_client_id: str | None = Field(None, description="What the issuer calls this service.")
    sso_client_secret: SecretStr | None = Field(
        None, description="Shared with the issuer, where it asks for one."
    )
    sso_role: Literal["viewer", "operator"] | None = Field(
        None,
        description="Role of whoever the issuer vouches for and nobody has made a user; unset, they"
        " are refused.",
    )
    session_hours: float = Field(12.0, gt=0, description="Hours until the web app asks to log in.")
    unknown_days: int | None = Field(
        None,
        ge=0,
        le=_MOST_DAYS,
        description="Days for which unknown faces are kept, so that strangers who come again can be"
        " named; 0 keeps none. If unset, those of queries are not kept, those of events 30 days.",
    )
    event_days: int | None = Field(
        None,
        ge=1,
        le=_MOST_DAYS,
        description="Days for which events without days of their own are kept, with all that is of"
        " them; until they are deleted if unset.",
    )
    thumbnails: bool = Field(
        True,
        description="Keep a small picture with each enrolled face, each face of an event and each"
        " unknown face that is kept.",
    )
    log_file: Path | None = Field(
        None,
        description="File that the log goes to as well, a line per record with its time; it may be"
        " renamed at any time to rotate it.",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="Form of the log on standard error and in the file: text, or json with one"
        " object per line.",
    )
    audit_days: int = Field(
        365, ge=1, le=_MOST_DAYS, description="Days for which the audit log is kept."
    )
    receipt_days: int = Field(
        365,
        ge=1,
        le=_MOST_DAYS,
        description="Days for which receipts of deletions are kept.",
    )
    max_archive_bytes: int = Field(
        2_000_000_000, ge=1_000, description="Bytes to which an uploaded archive may unpack."
    )
    upload_days: int = Field(
        7,
        ge=1,
        le=_MOST_DAYS,
        description="Days for which uploaded videos, unpacked archives, to look at rejects, the"
        " lists of rejects under the home folder, and what runs that identify have found are kept.",
    )
    ingest_folders: tuple[Path, ...] = Field(
        (),
        description="Folders on the server that runs over HTTP may read, as a JSON list.",
    )
    ingest_urls: tuple[str, ...] = Field(
        (),
        description="Places below which the service may read photos by URL over HTTP, as a JSON"
        ' list: ["s3://bucket/party"].',
    )

    @property
    def memory_bytes(self) -> int:
        """`memory_budget` in bytes.

        Raises:
            SettingInvalid: it is no size.
        """
        return parse_bytes(self.memory_budget)
