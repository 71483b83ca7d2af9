"""The batch jobs of a service, from settings."""

from functools import partial
from pathlib import Path

from app.api.http.limits import Limits
from app.api.media.json_text import parse
from app.api.permitted import PermittedEngine
from app.jobs.folder import JobsFolder
from app.jobs.jobs import Jobs
from app.serving.engine import Engine
from app.settings import Settings
from app.telemetry import Telemetry


def jobs_of(
    settings: Settings, engine: Engine, telemetry: Telemetry, limits: Limits, *, has_owners: bool
) -> Jobs | None:
    """Return what keeps and runs them; None where they are switched off."""
    if settings.jobs_dir == "off":
        return None
    return Jobs(
        PermittedEngine(engine),
        telemetry,
        JobsFolder(Path(settings.jobs_dir), settings.max_jobs_bytes, has_owners=has_owners),
        days=settings.jobs_days,
        parse=partial(parse, limits=limits.json),
        most_line_bytes=limits.max_body_bytes,
        most_file_bytes=settings.max_batch_bytes,
    )
