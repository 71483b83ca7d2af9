"""The parts of `python -m benchmarks.gpu`; see benchmarks/README.md."""
