"""Settings -> Service: the one room that names concrete detectors, embedders and catalogues.

It imports inside functions, so that `--help` and enqueuing load no OpenCV, ONNX Runtime or FAISS.
"""

from retrieval.building.locations import milvus_server, photos_root
from retrieval.building.models import (
    RECOMMENDED,
    build_detector,
    build_embedder,
    build_finder,
    build_liveness,
    build_models,
    build_pipeline,
    chosen_detector,
    chosen_precision,
    default_gate,
    other_model,
    threads_of,
    video_rules,
)
from retrieval.building.opening import build_service, open_catalogue, user_key_of
from retrieval.building.workshop import Workshop

__all__ = [
    "RECOMMENDED",
    "Workshop",
    "build_detector",
    "build_embedder",
    "build_finder",
    "build_liveness",
    "build_models",
    "build_pipeline",
    "build_service",
    "chosen_detector",
    "chosen_precision",
    "default_gate",
    "milvus_server",
    "open_catalogue",
    "other_model",
    "photos_root",
    "threads_of",
    "user_key_of",
    "video_rules",
]
