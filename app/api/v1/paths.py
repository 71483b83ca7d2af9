"""Where the native dialect is."""

MODELS = "/v1/models"
MODEL = MODELS + "/{model}"
VERSION = MODEL + "/versions/{version}"
PREDICT, PREDICT_VERSION = (f"{place}/predict" for place in (MODEL, VERSION))
EXPLAIN, EXPLAIN_VERSION = (f"{place}/explain" for place in (MODEL, VERSION))
LOAD, ITEMS, CARD, TRAFFIC = (f"{MODEL}/{what}" for what in ("load", "items", "card", "traffic"))
PICTURE = CARD + "/{picture}"
EVENTS = "/v1/events"
USER = "/v1/users/{user:path}"  # ids of users may have slashes


def of(path: str, model: str) -> str:
    """Return a path of one model."""
    return path.replace("{model}", model)
