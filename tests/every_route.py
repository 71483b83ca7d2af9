"""The routes of the API, without an engine behind them."""

from app.api.app import SECTIONS
from app.api.given import Given
from app.api.http.aside import Aside
from app.api.http.limits import Limits
from app.api.http.routes import Route
from app.telemetry import Telemetry


def every_route() -> list[Route]:
    aside = Aside()
    given = Given(None, Telemetry(), Limits(), aside)  # type: ignore[arg-type] - none is asked
    routes = [route for section in SECTIONS for route in section(given).routes]
    aside.close()
    return routes
