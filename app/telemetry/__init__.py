"""Metrics: what happened, for whoever looks after the service."""

from app.telemetry.metrics import OPEN_METRICS, TEXT, ModelObserver, Telemetry
from app.telemetry.statistics import Statistics, Total

__all__ = ["OPEN_METRICS", "TEXT", "ModelObserver", "Statistics", "Telemetry", "Total"]
