"""The training job: makes the artifacts that the service serves."""

import os

# Read on import: ONNX Runtime would send reports to its maker, and the hub's client tell the hub about this machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
