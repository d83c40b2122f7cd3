"""Which faces of a merge or a split look unlike those that they come to."""

from retrieval.catalogue.records import Collection
from retrieval.collection.enrolments import EnrolItem
from retrieval.people.editing import plan_merge
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Gate
from tests.api.painted import PaintedParts, catalogue_of, paint


class Lenient(PaintedParts):
    """A search among all asks for more than a comparison with one person does."""

    def gate(self, collection: Collection) -> Gate:
        return Gate(0.99, 0.02, "painted", photo_threshold=0.5, person_threshold=0.5)


def test_a_merge_compares_with_one_person_and_does_not_search_among_all(tmp_path) -> None:
    settings = Settings(home=tmp_path / "home")
    with Service(catalogue_of(settings), Lenient(settings), "default") as service:
        colours = {"Red": (250, 6, 6), "Also red": (250, 90, 90), "Cyan": (6, 250, 250)}
        items = [EnrolItem(name, f"{name}.png", paint(c)) for name, c in colours.items()]
        assert [each.outcome for each in service.enrol(items)] == ["enrolled"] * 3
        merge = plan_merge(service, service.person("Also red"), service.person("Red"))
        assert merge.preview.unlike == (), "alike enough for the same person"
        merge = plan_merge(service, service.person("Cyan"), service.person("Red"))
        assert len(merge.preview.unlike) == 1
