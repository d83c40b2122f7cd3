"""Steps that are all tried, so that one which fails keeps none of the others from being done."""

import logging
from collections.abc import Callable

from retrieval.errors import RollcallError

logger = logging.getLogger(__name__)


def try_each(*steps: Callable[[], object]) -> None:
    """Take every step in order, then raise the first error that one of them raised.

    Raises:
        RollcallError: of the first step that failed; later ones are logged.
    """
    failed: RollcallError | None = None
    for step in steps:
        try:
            step()
        except RollcallError as error:
            if failed is not None:
                logger.warning("%s", error)
            failed = failed or error
    if failed is not None:
        raise failed
