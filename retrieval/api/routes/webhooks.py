"""/v1/webhooks: addresses that are told when a run of a collection has ended."""

from typing import Annotated, Any

from fastapi import Path

from retrieval.api.auditing import audited
from retrieval.api.bodies import NewWebhook
from retrieval.api.context import Context
from retrieval.api.routing import ADMIN, By, CollectionName, InContext, Once, router
from retrieval.api.schemas import WebhookList
from retrieval.catalogue.http.webhooks import Webhook
from retrieval.collection.webhooks import check_webhook, send
from retrieval.errors import RollcallError

routes = router("webhooks")

WebhookId = Annotated[int, Path(ge=1, le=2**62, description="As listed.")]


@routes.get("/webhooks", response_model=WebhookList, openapi_extra=ADMIN)
def list_webhooks(context: InContext, name: CollectionName) -> Any:
    """List the addresses that are told of a collection's runs, and how that went last."""
    return {"webhooks": context.catalogue.webhooks.of(name)}


@routes.post(
    "/webhooks",
    response_model=Webhook,
    status_code=201,
    openapi_extra=ADMIN,
    dependencies=[Once],
)
def create_webhook(context: InContext, caller: By, name: CollectionName, new: NewWebhook) -> Any:
    """Have an address told of each run's end."""
    check_webhook(new.url, _secret(context))
    collection = context.catalogue.collection(name)
    with audited(context.catalogue, caller, "create-webhook", name, _told):
        return context.catalogue.webhooks.add(collection.id, new.url)


@routes.delete("/webhooks/{webhook_id}", response_model=Webhook, openapi_extra=ADMIN)
def delete_webhook(
    context: InContext, caller: By, name: CollectionName, webhook_id: WebhookId
) -> Any:
    """Tell an address no more."""
    collection = context.catalogue.collection(name)
    with audited(context.catalogue, caller, "delete-webhook", name, _told):
        return context.catalogue.webhooks.remove(collection.id, webhook_id)


@routes.post(
    "/webhooks/{webhook_id}/test",
    response_model=Webhook,
    openapi_extra=ADMIN,
    dependencies=[Once],
)
def test_webhook(
    context: InContext, caller: By, name: CollectionName, webhook_id: WebhookId
) -> Any:
    """Send a test message to an address, signed as those of runs; `problem` says how that went."""
    store = context.catalogue.webhooks
    collection = context.catalogue.collection(name)
    webhook = store.get(collection.id, webhook_id)
    problem = None
    try:
        send(webhook.url, {"test": True, "collection": name}, _secret(context))
    except RollcallError as error:
        problem = str(error)
    with audited(context.catalogue, caller, "test-webhook", name, lambda _: _told(webhook)):
        store.tried(name, webhook.url, problem)
    return store.get(collection.id, webhook_id)


def _told(webhook: Webhook) -> dict[str, Any]:
    return {"webhook": webhook.id, "url": webhook.url}


def _secret(context: Context) -> str | None:
    secret = context.settings.webhook_secret
    return None if secret is None else secret.get_secret_value()
