"""The OpenAPI document: whatever is asked, the answer is one that it documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded

from retrieval.api.app import create_app
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.conftest import served
from tests.api.painted import GREEN, RED, catalogue_of, paint, painted_service

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")
EXAMPLES = 10  # an operation: bounds the time


class Asked:
    """The document of a service that runs, and a key that may do everything."""

    def __init__(self, schema: Any, headers: dict[str, str]) -> None:
        self.schema = schema
        self.headers = headers


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home: Path = tmp_path_factory.mktemp("schema") / "home"
    own = Settings(home=home, requests_per_minute=1_000_000)
    app = create_app(own, catalogue_of(own), lambda name: painted_service(own, name), loopback=True)
    with painted_service(own, "default") as service:
        from retrieval.collection.enrolments import EnrolItem

        people = {"Rosa": RED, "Gustav": GREEN}
        items = [EnrolItem(name, f"{name}.png", paint(c)) for name, c in people.items()]
        assert [result.outcome for result in service.enrol(items)] == ["enrolled"] * 2
    _, token = app.state.context.catalogue.api_keys.create("admin", Role.ADMIN)
    with served(app) as port:
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/v1/openapi.json")
        yield Asked(schema, {"Authorization": f"Bearer {token}"})


def test_no_request_crashes_the_service_or_gets_an_undocumented_answer(asked: Asked) -> None:
    operations = [result.ok() for result in asked.schema.get_all_operations()]
    assert len(operations) > 25
    for operation in operations:
        _probe(operation, asked.headers)


def _probe(operation: Any, headers: dict[str, str]) -> None:
    from hypothesis import given

    @seeded(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy())
    def probe(case: Any) -> None:
        answer = case.call(headers=headers)
        if answer.status_code == 503:  # said at once, with a time to come back
            assert "retry-after" in answer.headers
            return
        case.validate_response(
            answer,
            checks=[
                schemathesis.checks.not_a_server_error,
                schemathesis.specs.openapi.checks.status_code_conformance,
                schemathesis.specs.openapi.checks.content_type_conformance,
                schemathesis.specs.openapi.checks.response_schema_conformance,
            ],
        )

    probe()
