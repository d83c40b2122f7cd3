from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import ModelCorrupt
from retrieval.faces.yunet import YuNet
from retrieval.photos.decode import decode


def test_a_file_that_is_no_network_is_corrupt(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.onnx", tmp_path / "broken.onnx"):
        (tmp_path / "broken.onnx").write_bytes(b"not a network")
        with pytest.raises(ModelCorrupt, match="rollcall models pull yunet"):
            YuNet(path)


def test_threads_that_share_a_detector_find_what_one_finds(
    people_dir: Path, yunet_file: Path
) -> None:
    yunet = YuNet(yunet_file)
    photos = [
        decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels
        for path in sorted(people_dir.rglob("*.jpg"))
    ]
    alone = [yunet.detect(photo).boxes for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = [found.boxes for found in pool.map(yunet.detect, photos)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)


@pytest.mark.parametrize("shape", [(1, 640), (31, 600), (32, 618), (529, 32), (7, 900)])
def test_narrow_images_do_not_give_what_opencv_makes_of_uninitialised_memory(
    yunet_file: Path, shape: tuple[int, int]
) -> None:
    yunet = YuNet(yunet_file)
    for grey in range(0, 256, 15):
        assert len(yunet.detect(np.full((*shape, 3), grey, np.uint8))) == 0
