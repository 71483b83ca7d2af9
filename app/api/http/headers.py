"""Headers that tell browsers, with every response, what it may load and who may read it. Made once."""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

RawHeaders = list[tuple[bytes, bytes]]

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

# Answers are for one caller, and most of them behind a key: no browser and no proxy keeps them.
UNKEPT = {"Cache-Control": "no-store"}
KEPT = {"Cache-Control": "no-cache"}  # pages hold nothing of ours: kept, and asked for again by their ETag

# Content-Security-Policy. What is no page loads nothing, if a browser should take it for one.
NO_PAGE = {"default-src": "'none'", "frame-ancestors": "'none'"}
PAGE = {
    **NO_PAGE,
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}
INLINE_STYLES = "'self' 'unsafe-inline'"  # the page writes styles into itself

# Of a request and an answer from elsewhere, what may be set and read besides what browsers always allow.
METHODS = ("DELETE", "GET", "POST")  # of our routes
REQUEST_HEADERS = (
    "Authorization",
    "X-API-Key",
    "X-Request-Id",
    "X-Request-Timeout-Ms",
    "X-Tessera-Subject",
    "traceparent",
    "Inference-Header-Content-Length",
)
RESPONSE_HEADERS = (
    "X-Request-Id",
    "X-Model-Version",
    "Server-Timing",
    "Cache-Status",
    "X-Answered-By",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "Inference-Header-Content-Length",
    "X-Error-Message",
)


class SecurityHeaders:
    """By path: the page of FastAPI needs a script; everything else is allowed nothing.

    A route that sends a header of the same name itself keeps its own, as our own pages do.
    """

    def __init__(self, app: FastAPI, docs: str, assets: str) -> None:
        """`docs` is where the page of FastAPI is, `assets` the folder of what it loads."""
        self._folder = assets + "/"
        self._pages = {
            docs: _headers({**PAGE, "script-src": f"'self' {_docs_script(app)}", "style-src": INLINE_STYLES}, KEPT),
        }
        self._assets = _headers(NO_PAGE, KEPT)
        self._others = NOT_A_PAGE

    def of(self, path: str) -> RawHeaders:
        if path.startswith(self._folder):
            return self._assets
        return self._pages.get(path, self._others)


def allow_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Let pages of these origins call `app`, with a key if they have one, but never with a browser's cookies."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=RESPONSE_HEADERS,
    )


def _headers(policy: dict[str, str], keeping: dict[str, str] = UNKEPT) -> RawHeaders:
    policies = "; ".join(f"{what} {where}" for what, where in policy.items())
    all_of_them = {**ALWAYS, **keeping, "Content-Security-Policy": policies}
    return [(name.lower().encode(), value.encode()) for name, value in all_of_them.items()]


NOT_A_PAGE = _headers(NO_PAGE)


def _docs_script(app: FastAPI) -> str:
    """The hash by which the one script inside FastAPI's own page is known, so that no other may run there."""
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url or "",
        title="",
        oauth2_redirect_url=app.swagger_ui_oauth2_redirect_url,
        swagger_ui_parameters=app.swagger_ui_parameters,
    )
    (script,) = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    return f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
