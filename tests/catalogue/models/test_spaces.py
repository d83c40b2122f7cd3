"""The space of a collection, as its calibration fitted it."""

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.encrypted.encoding import CODEC
from retrieval.catalogue.models.spaces import find_space, put_space
from tests.catalogue.made import DIMENSION, make_collection


class _Looking:
    """A codec that looks whether the space is still there when the next one is encoded."""

    def __init__(self, codec, collection_id):
        self._codec = codec
        self._collection_id = collection_id
        self.found = []

    def encode(self, connection, vectors):
        self.found.append(find_space(connection, self._collection_id) is not None)
        return self._codec.encode(connection, vectors)

    def decode(self, connection, stored, dimension):
        return self._codec.decode(connection, stored, dimension)


def test_a_space_is_encoded_before_the_one_that_it_replaces_is_deleted(tmp_path):
    first, second = np.eye(DIMENSION, dtype=np.float32), 2 * np.eye(DIMENSION, dtype=np.float32)
    with Catalogue.open(tmp_path / "catalogue.db") as catalogue:
        gallery = make_collection(catalogue).id
        with catalogue._database.writing() as connection:
            put_space(connection, gallery, first)
            looking = _Looking(connection.get_execution_options()[CODEC], gallery)
            connection = connection.execution_options(**{CODEC: looking})
            put_space(connection, gallery, second)
            np.testing.assert_array_equal(find_space(connection, gallery), second)
            put_space(connection, gallery, None)
            assert find_space(connection, gallery) is None
    assert looking.found == [True]
