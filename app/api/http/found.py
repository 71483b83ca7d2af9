"""Find the route of a request, once, for all who must know it: who may ask, who answers, who keeps a record."""

from collections.abc import Iterable, Mapping
from re import Pattern

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.http.routes import DirectRoute, Route

Methods = Mapping[str, Route]


class FindRoute:
    """Pure ASGI. Puts the route and the names in its path where Starlette has them, and the route into the state.

    The state keeps it as `asked`, also when FastAPI has put one of its own in the other place. At a path that has
    routes, but none of the method, `scope["methods"]` has them, and `asked` stays away.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[Route]) -> None:
        self._app = app
        by_path: dict[str, dict[str, Route]] = {}
        # Those that are asked most come first; the others in the order in which FastAPI tries them.
        for route in sorted(routes, key=lambda route: not isinstance(route, DirectRoute)):
            by_path.setdefault(route.path, {})[route.method] = route
        self._places: list[tuple[Pattern[str], Methods]] = [
            (compile_path(path)[0], methods) for path, methods in by_path.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._find(scope)
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> None:
        path, method = scope["path"], scope["method"]
        for pattern, methods in self._places:
            if match := pattern.match(path):
                if (route := methods.get(method)) is not None:
                    scope["route"] = scope["state"]["asked"] = route
                    scope["path_params"] = match.groupdict()
                    scope.pop("methods", None)
                    return
                scope.setdefault("methods", methods)
                scope.setdefault("path_params", match.groupdict())
