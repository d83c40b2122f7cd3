"""What a browser sees in place of a page that cannot be shown."""

import json
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from retrieval.api.problems import of_error, status_of
from retrieval.api.web.view import View, language_of, rendered
from retrieval.errors import KeyRefused, RollcallError


def on_error(request: Request, error: RollcallError) -> Response:
    """A page for people, the login for strangers; programs get problem details."""
    if not _wants_page(request):
        return of_error(error)
    if isinstance(error, KeyRefused):
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(path)}", 303)
    caller = getattr(request.state, "caller", None)
    if caller is None:
        return as_page(request, of_error(error))
    title = (type(error).__doc__ or "").splitlines()[0].rstrip(".")
    title = "Not found" if status_of(error) == 404 else title
    context = request.app.state.context
    with View(request, context, caller, caller.collection or context.settings.collection) as view:
        return view.page("", "error.html", status_of(error), title=title, detail=str(error))


def as_page(request: Request, answer: JSONResponse) -> Response:
    """A problem document as a browser shows it to a person; itself for programs."""
    if not _wants_page(request):
        return answer
    problem = json.loads(bytes(answer.body))
    page = rendered("problem.html", problem, language_of(request), answer.status_code)
    page.headers.update({k: v for k, v in answer.headers.items() if k == "retry-after"})
    return page


def _wants_page(request: Request) -> bool:
    program = request.url.path.startswith("/v1/")
    return not program and "text/html" in request.headers.get("accept", "")
