"""The service and its peers under load."""

import os

# What is measured reports to nobody, ours and the peers alike; processes that are started inherit this.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
