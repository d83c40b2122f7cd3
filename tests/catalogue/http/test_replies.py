"""Replies to repeated requests: claims live as long as the process that made them."""

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.replies import Replies


def test_a_claim_of_a_process_that_is_gone_may_be_made_anew(url: str) -> None:
    with Catalogue.open(url) as catalogue:
        gone, alive = Replies(catalogue._database, claim_s=-1), catalogue.replies
        assert gone.claim("who", "token", "first") is None
        assert alive.claim("who", "token", "again") is None
        known = gone.claim("who", "token", "third")
        assert known is not None
        assert (known.fingerprint, known.status) == ("again", None)
        gone.keep("who", "token", 201, "text/plain", b"late")  # it lived on after all
        gone.release("who", "token")
        known = gone.claim("who", "token", "third")
        assert known is not None
        assert known.status is None, "a claim that was lost is not answered for"
        alive.keep("who", "token", 201, "text/plain", b"done")
        known = gone.claim("who", "token", "third")
        assert known is not None
        assert known.body == b"done"


def test_a_process_that_lives_puts_its_claims_off(url: str) -> None:
    with Catalogue.open(url) as catalogue:
        slow = Replies(catalogue._database, claim_s=-1)
        assert slow.claim("who", "token", "first") is None
        slow._claim_s = 60
        slow.put_off()
        assert catalogue.replies.claim("who", "token", "first") is not None
