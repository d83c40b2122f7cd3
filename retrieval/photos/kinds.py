"""What a file or a folder is by its name or its first bytes: a photo, something else, nobody's.

Photos are decoded by their content, so an ending only says which files are worth a look.
"""

from pathlib import PurePosixPath

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".mpo", ".png", ".apng", ".webp"}
    | {".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs", ".tif", ".tiff"}
    | {".bmp", ".dib", ".gif", ".pnm", ".ppm", ".pgm", ".pbm", ".jp2", ".j2k", ".j2c", ".jpc"}
    | {".jpf", ".jpx"}
)
BEGINNING = 32  # bytes of a file that `begins_like_a_photo` looks at

_RAW = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc"}
    | {".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl"}
    | {".sr2", ".srf", ".srw", ".x3f"}
)
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)
_ARCHIVES = frozenset({".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip"})
_KINDS = ((_RAW, "RAW"), (VIDEO_SUFFIXES, "video"), (_ARCHIVES, "archive"))

# What programs make beside people's photos: previews, wastebaskets, versions, indexes.
_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",  # Synology: previews
        "@recycle",  # QNAP: wastebasket
        "@recently-snapshot",
        "#recycle",  # Synology: wastebasket
        "#snapshot",
        "~snapshot",
        "$recycle.bin",  # Windows: wastebasket
        "recycler",
        "recycled",
        "system volume information",
        "__macosx",  # what macOS adds to archives
        "lost+found",
        "lightroom previews.lrdata",
        "picasaoriginals",
        "network trash folder",
        "temporary items",
    }
)
_ALBUMS = frozenset(
    {"archive", "backup", "bilder", "edited", "export", "fotos", "full", "high", "images", "jpeg"}
    | {"jpg", "large", "low", "misc", "new", "old", "original", "originals", "other", "photos"}
    | {"pictures", "portrait", "portraits", "print", "raw", "selected", "small", "thumbs", "web"}
)


def has_photo_ending(name: str) -> bool:
    """Whether a file's ending is one of a photo's."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def has_video_ending(name: str) -> bool:
    """Whether a file's ending is one of a video's."""
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


def begins_like_a_photo(beginning: bytes) -> bool:
    """Whether a file's first bytes are those of a photo that can be decoded.

    Args:
        beginning: the first `BEGINNING` bytes, or all of a smaller file.

    Source: the signatures of the formats' own specifications.
    """
    if beginning[4:8] == b"ftyp":  # ISO base media: HEIF and AVIF by brand, not MP4 or CR3
        return beginning[8:12] in _BRANDS
    if beginning[:4] == b"RIFF":
        return beginning[8:12] == b"WEBP"
    return beginning.startswith(_SIGNATURES)


_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"BM",
    *(b"P%d" % kind + end for kind in range(1, 7) for end in (b"\n", b" ", b"\r", b"\t")),
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
)


def kind_of(name: str) -> str:
    """What a file that is no photo is called in a count: `RAW (.cr2)`, `.pdf`, `no ending`."""
    suffix = PurePosixPath(name).suffix.lower()
    kind = next((kind for suffixes, kind in _KINDS if suffix in suffixes), None)
    return f"{kind} ({suffix})" if kind else suffix or "no ending"


def is_hidden(name: str) -> bool:
    """Whether a file or a folder is hidden, as file managers see it."""
    return name.startswith(".")


def is_system_folder(name: str) -> bool:
    """Whether a folder is one that a NAS, a desktop or a synchronising program made for itself."""
    return name.casefold() in _SYSTEM_FOLDERS


def is_album(name: str) -> bool:
    """Whether a folder is named as a part of somebody's photos is, not as a person: 2021, old."""
    words = "".join(c if c.isalpha() else " " for c in name.casefold()).split()
    return all(word in _ALBUMS for word in words)
