"""Photos wait for their share of memory, and those that would take too much are refused."""

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import PhotoTooLarge, PhotoUnreadable
from retrieval.photos.decode import decode
from retrieval.photos.memory import MemoryBudget, budget_of, give_back

MB = 1 << 20
WAIT_S = 120.0  # nothing takes that long, but a loaded machine may stand still
SIDE = 1_500

# A process that decodes a photo; says what was estimated, and how much more it held at its height.
MEASURED = """
import re, sys
from pathlib import Path
from retrieval.photos import decode, memory

def height():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

limits = {"max_pixels": 10**9, "max_bytes": 10**9, "memory_bytes": 1 << 34}
data = Path(sys.argv[1]).read_bytes()
decode.decode(Path(sys.argv[2]), working_px=None, **limits)  # so that nothing is loaded any more
for working in (None, 700):  # the second finds memory that the first has left it
    image = decode._open(data, "it")
    needed = memory.decoding_bytes(image, decode._reduction(max(image.size), working), len(data))
    Path("/proc/self/clear_refs").write_text("5")
    before = height()
    decode.decode(data, working_px=working, **limits)
    print(needed, height() - before)
"""


def written(format_: str, mode: str, **options: object) -> bytes:
    random = np.random.default_rng(7).integers(0, 255, (40, 40, 3), np.uint8)
    photo = Image.fromarray(random).resize((SIDE, SIDE)).convert(mode)
    data = io.BytesIO()
    photo.save(data, format_, **options)
    return data.getvalue()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for memory")
@pytest.mark.parametrize(
    ("format_", "mode", "options"),
    [
        ("JPEG", "RGB", {"progressive": True}),
        ("PNG", "RGBA", {"compress_level": 1}),
        ("TIFF", "F", {"compression": "tiff_lzw"}),
        ("HEIF", "RGB", {}),
        ("WEBP", "RGB", {"method": 0}),
        ("JPEG2000", "RGB", {"irreversible": True, "quality_layers": [100]}),
    ],
    ids=str,
)
def test_a_photo_takes_no_more_than_its_header_told(
    format_: str, mode: str, options: dict[str, object], tmp_path: Path
) -> None:
    photo, small = tmp_path / "photo", tmp_path / "small.png"
    photo.write_bytes(written(format_, mode, **options))
    Image.new("RGB", (8, 8)).save(small)
    command = [sys.executable, "-c", MEASURED, str(photo), str(small)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (needed, taken), (reduced, taken_then) = (
        map(int, line.split()) for line in done.stdout.splitlines()
    )
    assert taken < 1.1 * needed + 2 * MB  # a tenth for what lies around it
    assert taken_then < 1.1 * reduced + 2 * MB
    assert needed < 2.2 * taken + 8 * MB  # and nothing is refused that would have been fine


def test_a_small_file_that_would_take_the_machines_memory_is_refused_from_its_header() -> None:
    bomb = io.BytesIO()
    Image.new("F", (14_000, 14_000)).save(bomb, "TIFF", compression="tiff_adobe_deflate")
    with pytest.raises(PhotoTooLarge, match=r"takes about [\d,]+ MB .*memory_budget"):
        decode(bomb.getvalue(), working_px=1280, max_pixels=200_000_000, max_bytes=10 * MB)
    assert budget_of(512 * MB).taken == 0


def test_large_photos_of_a_phone_are_taken_by_the_default_budget() -> None:
    """48 megapixels as HEIF or RGB PNG, 200 as JPEG: the header alone is looked at."""
    from retrieval.photos.memory import MEMORY_BYTES, decoding_bytes

    most = MEMORY_BYTES - MEMORY_BYTES // 8
    for format_, width, height in (
        ("HEIF", 8064, 6048),
        ("PNG", 8064, 6048),
        ("JPEG", 16320, 12240),
    ):
        photo = Image.new("RGB", (1, 1))
        photo.format, photo._size = format_, (width, height)
        assert decoding_bytes(photo, 8 if format_ == "JPEG" else 4, 20 * MB) < most, format_


@contextmanager
def decoding(
    pool: ThreadPoolExecutor, budget: MemoryBudget, needed: int
) -> Iterator[threading.Event]:
    """Somebody who decodes until the block ends; the event says that the share was got."""
    got, over = threading.Event(), threading.Event()

    def work() -> None:
        with budget.share(needed, "photo"):
            got.set()
            over.wait(WAIT_S)

    pool.submit(work)
    try:
        yield got
    finally:
        over.set()


def test_huge_photos_take_turns_and_ordinary_ones_do_not_wait_for_them() -> None:
    budget = MemoryBudget(800)
    with ThreadPoolExecutor(3) as pool, decoding(pool, budget, 600) as first:
        assert first.wait(WAIT_S)
        with decoding(pool, budget, 500) as second, decoding(pool, budget, 90) as ordinary:
            assert ordinary.wait(WAIT_S)
            assert not second.is_set()
            assert budget.taken == 690
    assert budget.taken == 0


def test_ordinary_photos_have_the_whole_budget_while_nobody_waits_with_a_huge_one() -> None:
    budget = MemoryBudget(800)
    shares = [budget.share(90, "photo") for _ in range(8)]
    for share in shares:
        share.__enter__()
    assert budget.taken == 720
    for share in shares:
        share.__exit__(None, None, None)
    assert budget.taken == 0


def test_pixels_count_until_they_are_let_go_of_and_never_stop_their_holder() -> None:
    budget = MemoryBudget(8_000)
    with budget.share(4_000, "photo") as share:
        pixels = np.zeros((10, 100, 3), np.uint8)
        share.keep(pixels)
    assert budget.taken == 3_000
    with budget.share(7_000, "another"):  # who holds the first decodes the second
        assert budget.taken == 10_000
    part = pixels[:5]
    del pixels
    assert budget.taken == 3_000  # a view holds them
    del part
    assert budget.taken == 0


def test_a_photo_that_cannot_be_decoded_gives_its_share_back(tmp_path: Path) -> None:
    whole = written("PNG", "RGB", compress_level=1)
    limits = {"max_pixels": 10**8, "max_bytes": 10**9, "memory_bytes": 700 * MB}
    with pytest.raises(PhotoUnreadable):
        decode(whole[: len(whole) // 2], working_px=None, **limits)  # type: ignore[arg-type]
    assert budget_of(700 * MB).taken == 0
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(decode, whole, working_px=None, **limits) for _ in range(6)]  # type: ignore[arg-type]
        assert {each.result().width for each in work} == {SIDE}
    del work
    assert budget_of(700 * MB).taken == 0


def test_memory_is_given_back_where_the_system_can_and_nothing_fails_where_it_cannot() -> None:
    assert give_back() in (True, False)
