"""The Open Inference Protocol, version 2, over gRPC: its calls are the HTTP routes in another envelope."""
