# Needs Python 3.11 or newer and make. `make serve` and `make test` prepare all that they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin
# An index with torch's build for CPUs, which is much smaller than the one for GPUs that pip takes without it.
TORCH_INDEX ?=
INSTALL = $(BIN)/pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
DEFAULT_MODELS := imagenet-efficientnet reviews-sentiment article-summarizer movielens-recommender

.PHONY: install check test train serve committed bench chaos clean
.DEFAULT_GOAL := help

help:
	@echo "make serve    environment, models, service on $(HOST):$(PORT)"
	@echo "make committed  the same without torch and training: the six committed models"
	@echo "make test     environment, all tests"
	@echo "make check    format, lint, types, import contracts"
	@echo "make train    make every default model anew; TRAIN='--precision bf16-mixed' where the processor has bf16"
	@echo "make tuned    measure how each model runs fastest here (make serve does it once)"
	@echo "make chaos    what becomes of requests under faults; CHAOS='--only sigterm,full-disk' for a part"
	@echo "make bench    measure the service beside its peers; BENCH='--only mixed --rounds 1' for a part"

# A stamp per set of packages: make redoes what pyproject.toml has changed, and nothing else.
.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: .venv/python pyproject.toml
	$(INSTALL) -e '.[cpu,generation]'
	@touch $@

.venv/serve: .venv/python pyproject.toml
	$(INSTALL) -e '.[cpu,generation,train]'
	@touch $@

.venv/dev: .venv/serve pyproject.toml
	$(INSTALL) -e '.[cpu,generation,train,dev]'
	@touch $@

install: .venv/dev

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# In two processes, for two cores; tests/conftest.py says which tests share one. COVERAGE='--cov' tells which lines ran.
# Threads of OpenBLAS that wait for work in a loop would take a core from the other process: twenty times as long, seen.
COVERAGE ?=
test: .venv/dev models
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadscope $(COVERAGE)

.PHONY: models
models: .venv/serve
	@$(BIN)/python -m training --if-missing $(DEFAULT_MODELS)

train: .venv/serve
	$(BIN)/python -m training $(TRAIN) $(DEFAULT_MODELS)

# The model that writes text, in several precisions, of which `tuned` finds the fastest. Tests write with a tiny one.
.PHONY: writer
writer: .venv/serve
	@$(BIN)/python -m training --if-missing --variants smollm2-instruct

.PHONY: tuned
tuned: .venv/serve models writer
	@$(BIN)/python -m app tune --if-missing

SERVE = $(BIN)/python -m app serve --host $(HOST) --port $(PORT)

serve: .venv/serve models tuned
	@exec $(SERVE)

committed: .venv/runtime
	@$(BIN)/python -m app tune --if-missing && exec $(SERVE)

.venv/bench: .venv/serve pyproject.toml
	$(INSTALL) -e '.[cpu,train,bench]'
	@touch $@

# Peers get our onnxruntime, or the graphs would not run alike.
build/bench/peers/installed: .venv/bench benchmarks/requirements.txt
	$(PYTHON) -m venv build/bench/peers
	build/bench/peers/bin/pip install -r benchmarks/requirements.txt \
	  "$$($(BIN)/pip freeze | grep -i '^onnxruntime==')"
	@touch $@

bench: .venv/bench models build/bench/peers/installed
	$(BIN)/python -m benchmarks $(BENCH)

chaos: .venv/dev
	$(BIN)/python -m benchmarks.chaos $(CHAOS)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage
