"""The playground at /: files of our own package, which need nobody else's server."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import Request, Response
from fastapi.openapi.docs import get_redoc_html
from starlette.exceptions import HTTPException

from app.api.given import Given
from app.api.http.routes import Section, get

FILES = Path(__file__).parent

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}

# Nothing inline, nothing from elsewhere, no text that becomes code: what a model says cannot do more than be read.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

# ReDoc brings its styles in its script, and would fetch its makers' logo from their server.
REDOC_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Kept, and asked for again by its ETag: after an update no old module meets a new one.
    "Cache-Control": "no-cache",
}

PLAYGROUND, ANY_FILE, REDOC, DOCS, DOCUMENT = "/", "/pages/{path:path}", "/redoc", "/docs", "/openapi.json"
ASSETS = "/static-offline-docs"  # scripts and styles of the two pages of documents
# What FastAPI answers itself, and the address at which browsers ask for a picture, unasked.
OPEN_BESIDE = (DOCS, DOCUMENT, ASSETS + "/{path:path}", "/favicon.ico")


def playing(given: Given) -> Section:
    routes = (
        get(PLAYGROUND, playground, is_open=True, include_in_schema=False),
        get(ANY_FILE, page, is_open=True, include_in_schema=False),
        get(REDOC, redoc, is_open=True, include_in_schema=False),
    )
    return Section("", "", routes)


@dataclass(frozen=True, slots=True)
class Page:
    """A file in memory, with the headers that it is sent with."""

    content: bytes
    headers: dict[str, str]


def _page(content: bytes, media_type: str, **headers: str) -> Page:
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    return Page(content, {**HEADERS, "Content-Type": media_type, "ETag": tag, **headers})


def _redoc() -> Page:
    html = bytes(
        get_redoc_html(
            openapi_url=DOCUMENT.removeprefix("/"),
            title="Tessera - ReDoc",
            redoc_js_url=f"{ASSETS.removeprefix('/')}/redoc.standalone.js",
            redoc_favicon_url="pages/icon.svg",
            with_google_fonts=False,
        ).body
    )
    html = html.replace(b"<redoc ", b'<redoc sanitize="true" ')  # or it would run what a description holds
    return _page(html, MEDIA_TYPES[".html"], **{"Content-Security-Policy": REDOC_POLICY})


def _pages() -> Iterator[tuple[str, Page]]:
    for file in FILES.rglob("*"):
        if file.suffix in MEDIA_TYPES:
            yield file.relative_to(FILES).as_posix(), _page(file.read_bytes(), MEDIA_TYPES[file.suffix])


PAGES = dict(_pages())
REDOC_PAGE = _redoc()


async def playground(request: Request) -> Response:
    return _sent(request, PAGES["index.html"])


async def page(request: Request, path: str) -> Response:
    if path not in PAGES:
        raise HTTPException(404)
    return _sent(request, PAGES[path])


async def redoc(request: Request) -> Response:
    return _sent(request, REDOC_PAGE)


def _sent(request: Request, found: Page) -> Response:
    if _is_known(request.headers.get("if-none-match", ""), found.headers["ETag"]):
        return Response(status_code=304, headers=found.headers)
    return Response(found.content, headers=found.headers)


def _is_known(if_none_match: str, etag: str) -> bool:
    """Whether the client has this version, by RFC 9110, section 13.1.2: compared weakly, or any with *."""
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in known or known == ["*"]
