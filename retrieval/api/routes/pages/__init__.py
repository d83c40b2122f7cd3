"""The web app's pages: HTML from templates; what they do afterwards, they do through the API."""

from fastapi import APIRouter

from retrieval.api.routes.pages import access, administration, events, people, review, sessions

ROUTERS: tuple[APIRouter, ...] = (
    sessions.login_routes,
    sessions.routes,
    events.routes,
    people.routes,
    review.routes,
    administration.routes,
    access.routes,
)
