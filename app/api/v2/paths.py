"""Where the Open Inference Protocol is."""

SERVER = "/v2"
LIVE, READY = (f"{SERVER}/health/{state}" for state in ("live", "ready"))

ALL_STATISTICS = f"{SERVER}/models/stats"
MODEL = SERVER + "/models/{model}"
VERSION = MODEL + "/versions/{version}"
CONFIG, VERSION_CONFIG = (f"{place}/config" for place in (MODEL, VERSION))
MODEL_READY, VERSION_READY = (f"{place}/ready" for place in (MODEL, VERSION))
STATISTICS, VERSION_STATISTICS = (f"{place}/stats" for place in (MODEL, VERSION))
GENERATE, VERSION_GENERATE = (f"{place}/generate" for place in (MODEL, VERSION))
STREAM, VERSION_STREAM = (f"{place}/generate_stream" for place in (MODEL, VERSION))
INFER, VERSION_INFER = (f"{place}/infer" for place in (MODEL, VERSION))

INDEX = f"{SERVER}/repository/index"
LOAD, UNLOAD = (f"{SERVER}/repository/models/{{model}}/{verb}" for verb in ("load", "unload"))
