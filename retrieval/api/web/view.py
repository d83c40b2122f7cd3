"""What every page needs: who looks, at which collection, in which language, and the way about."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Annotated, Any, Self
from urllib.parse import quote

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from markupsafe import Markup

from retrieval.api.auth import Caller, csrf_token
from retrieval.api.context import Context
from retrieval.api.problems import COMMANDS, without_commands
from retrieval.api.routing import By, InContext
from retrieval.api.web.languages import COOKIE as LANGUAGE_COOKIE
from retrieval.api.web.languages import LANGUAGES, name_of, spoken_by, translations
from retrieval.api.web.languages.told import told
from retrieval.api.web.static_files import static_files
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.records import Counts
from retrieval.errors import NotFound
from retrieval.service import Service

COLLECTION_COOKIE = "rollcall_collection"
_FORMATS = {"en": "en_GB"}  # days before months, 24 hours
_AT_A_GLANCE = 12  # of things that are listed; more can be searched
_TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the navigation; its label stands in `base.html`, by its name.

    Attributes:
        name: of the page.
        path: where it is.
        role: who finds it there.
        parts: pages that stand below it.
    """

    name: str
    path: str
    role: Role
    parts: tuple["Place", ...] = ()


PLACES = (
    Place("events", "/", Role.VIEWER),
    Place("people", "/people", Role.OPERATOR),
    Place(
        "review",
        "/review",
        Role.OPERATOR,
        (
            Place("findings", "/findings", Role.OPERATOR),
            Place("unknowns", "/unknowns", Role.OPERATOR),
            Place("rejects", "/rejects", Role.OPERATOR),
        ),
    ),
    Place(
        "admin",
        "/admin",
        Role.OPERATOR,
        (
            Place("runs", "/runs", Role.OPERATOR),
            Place("receipts", "/receipts", Role.HR),
            Place("quality", "/quality", Role.OPERATOR),
            Place("index", "/index", Role.ADMIN),
            Place("access", "/access", Role.ADMIN),
            Place("audit", "/audit", Role.ADMIN),
            Place("webhooks", "/webhooks", Role.ADMIN),
            Place("settings", "/settings", Role.ADMIN),
        ),
    ),
)


def places_for(role: Role) -> tuple[Place, ...]:
    """The navigation of a role: a place is left out where none of its pages would be shown."""
    shown = []
    for place in PLACES:
        parts = tuple(part for part in place.parts if role.covers(part.role))
        if role.covers(place.role) and (parts or not place.parts):
            shown.append(Place(place.name, place.path, place.role, parts))
    return tuple(shown)


def place_of(page: str) -> Place | None:
    """The place in which a page stands."""
    return next((p for p in PLACES if page in (p.name, *(part.name for part in p.parts))), None)


class View:
    """What a page needs: who looks, at which collection, and the names of the others.

    Args:
        request: of the page.
        context: of the application.
        caller: who looks.
        collection: whose page it is; None for what the address, the last choice or the key says.

    Raises:
        NotFound: the address names a collection that is not there.
        NotAllowed: the caller's key is another collection's.
    """

    def __init__(
        self, request: Request, context: Context, caller: Caller, collection: str | None = None
    ) -> None:
        self.context, self.caller = context, caller
        self.language = language_of(request)
        every = [each.name for each in context.catalogue.collections()]
        self.collections = [name for name in every if caller.collection in (None, name)]
        default = caller.collection or context.settings.collection
        kept = request.cookies.get(COLLECTION_COOKIE)
        asked = None if collection else request.query_params.get("collection")
        if asked is not None and asked not in (*self.collections, default):
            caller.check_collection(asked)
            raise NotFound(f"There is no collection {asked!r}.")
        self.collection = collection or asked or (kept if kept in self.collections else default)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def service(self) -> Service | None:
        """The collection's service, held as long as the view; None where nobody is enrolled yet."""
        try:
            return self.gallery()
        except NotFound:
            return None

    def gallery(self) -> Service:
        """As `service`.

        Raises:
            NotFound: nobody is enrolled yet.
        """
        return self._held.enter_context(self.context.services.lease(self.collection))

    def counts(self) -> Counts:
        """How much the collection holds."""
        service = self.service()
        return service.catalogue.counts(service.collection.id) if service else Counts(0, 0, 0)

    def url(self, path: str) -> str:
        """The address of a page of this collection: it says which, wherever it is opened."""
        joint = "&" if "?" in path else "?"
        return f"{path}{joint}collection={quote(self.collection, safe='')}"

    def page(self, page: str, template: str, http_status: int = 200, **values: Any) -> HTMLResponse:
        """The page `page` of the navigation."""
        caller, session = self.caller, self.caller.session
        common = {
            "page": page,
            "place": place_of(page),
            "places": places_for(caller.role),
            "who": caller.name,
            "role": caller.role.value,
            "session": session is not None,
            "csrf": "" if session is None else csrf_token(session),
            "collection": self.collection,
            "collections": self.collections,
            "trouble": self.context.services.trouble(self.collection),
            "may_edit": caller.role.covers(Role.OPERATOR),
            "may_delete": caller.role.covers(Role.HR),
            "may_administer": caller.role.covers(Role.ADMIN),
            "picture": f"/v1/faces/{{}}/picture?optional=1&collection={quote(self.collection)}",
            "at_a_glance": _AT_A_GLANCE,
            "url": self.url,
        }
        # One name for two things is a TypeError: a page never shows its own in place of these.
        return rendered(template, dict(**common, **values), self.language, http_status)


def _view(request: Request, context: InContext, caller: By) -> Iterator[View]:
    with View(request, context, caller) as view:
        yield view


InView = Annotated[View, Depends(_view)]


# Templates


def language_of(request: Request) -> str:
    """The language of who asks."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return spoken_by(request.headers.get("accept-language", ""), chosen)


def day_told(day: date | str, language: str) -> str:
    """A day as a language writes it: 4 July 2026."""
    return format_date(_date(day), "long", locale=_FORMATS.get(language, language))


def rendered(
    template: str, values: Mapping[str, Any], language: str, status: int = 200
) -> HTMLResponse:
    """A page from its template."""
    headers = {"Content-Language": language, "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(_templates(language).get_template(template).render(values), status, headers)


@cache
def _templates(language: str) -> Environment:
    """The templates in one language."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    known, formats = translations(language), _FORMATS.get(language, language)
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        known.gettext, known.ngettext, newstyle=True
    )
    for name in ("gettext", "ngettext", "_"):
        environment.globals[name] = _counted(environment.globals[name], formats)
    environment.globals.update(
        language=language,
        languages=[(each, name_of(each)) for each in LANGUAGES],
        static=static_files().url,
        commands=COMMANDS,
        version=version("rollcall"),
    )
    environment.filters.update(
        initials=_initials,
        capitalize_first=lambda text: text[:1].upper() + text[1:],
        last_part=lambda path: PurePath(path).name or path,
        day=lambda day: day_told(day, language),
        told=lambda message: told(without_commands(message), language),
        moment=lambda moment: _moment(moment, formats),
        number=lambda number, digits="#,##0": format_decimal(number, digits, locale=formats),
    )
    return environment


def _counted(gettext: Any, locale: str) -> Callable[..., Any]:
    """A function of texts in which numbers of things are written as the language does: 2,000."""

    @pass_context
    def told(context: Any, *texts: Any, **values: Any) -> Any:
        counts = {"num": texts[2], **values} if len(texts) > 2 else values
        worded = {name: _count(name, value, locale) for name, value in counts.items()}
        return gettext(context, *texts, **worded)

    return told


def _count(name: str, value: Any, locale: str) -> Any:
    is_count = isinstance(value, int) and not isinstance(value, bool) and name != "id"
    return format_decimal(value, "#,##0", locale=locale) if is_count else value


def _initials(name: str) -> str:
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def _date(day: date | str) -> date:
    return date.fromisoformat(day[:10]) if isinstance(day, str) else day


def _moment(moment: datetime | str, locale: str) -> Markup:
    """A moment in UTC; `page.js` shows it in the viewer's zone."""
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    shown = format_datetime(read, "medium", locale=locale)
    return Markup('<time datetime="{}" data-local>{} UTC</time>').format(read.isoformat(), shown)
