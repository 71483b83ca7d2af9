"""Tessera: a model-serving microservice."""

import os

# ONNX Runtime sends reports to its maker unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
