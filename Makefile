# Needs Python 3.11 or newer and make. `make serve` and `make test` prepare all that they need; torch is for the latter.
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
	@echo "make serve    service on $(HOST):$(PORT), at once; the other default models are made beside it, without torch"
	@echo "make committed  the same, and nothing is made or measured beside it"
	@echo "make test     environment with torch, all models, all tests"
	@echo "make check    format, lint, types, import contracts"
	@echo "make train    make every default model anew, with torch; TRAIN='--precision bf16-mixed' where there is bf16"
	@echo "make tuned    make all models, and measure how each runs fastest here (make serve does it when idle)"
	@echo "make chaos    what becomes of requests under faults; CHAOS='--only sigterm,full-disk' for a part"
	@echo "make ray-tests  install Ray, and run the tests of the API against two replicas of each model (hours)"
	@echo "make bench    measure the service beside its peers; BENCH='--only mixed --rounds 1' for a part"

# A stamp per set of packages: make redoes what pyproject.toml has changed, and nothing else.
.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: .venv/python pyproject.toml
	$(INSTALL) -e '.[cpu,generation]'
	@touch $@

.venv/make: .venv/runtime pyproject.toml
	$(INSTALL) --quiet -e '.[cpu,generation,make]'
	@touch $@

# With torch, which is most of it.
.venv/train: .venv/python pyproject.toml
	@echo "the packages of training: $(if $(TORCH_INDEX),.5,3.0) GB to download$(if $(TORCH_INDEX),, since torch comes for GPUs; TORCH_INDEX= the address of its builds for CPUs makes it .5)"
	$(INSTALL) -e '.[cpu,generation,train]'
	@touch .venv/runtime .venv/make $@

.venv/dev: .venv/train pyproject.toml
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
models: .venv/train
	@$(BIN)/python -m training --if-missing $(DEFAULT_MODELS)

train: .venv/train
	$(BIN)/python -m training $(TRAIN) $(DEFAULT_MODELS)

# The model that writes text, in several precisions, of which `tuned` finds the fastest. Tests write with a tiny one.
.PHONY: writer
writer: .venv/train
	@$(BIN)/python -m training --if-missing --variants smollm2-instruct

.PHONY: tuned
tuned: .venv/train models writer
	@$(BIN)/python -m app tune --if-missing

SERVE = $(BIN)/python -m app serve --host $(HOST) --port $(PORT)

# Served at once: what is committed. What must be made on this machine is made beside it, and measured when nobody
# computes; the service takes up both, says so on its page, and whoever makes them ends with it.
serve: .venv/runtime
	@( $(MAKE) -s .venv/make && exec $(BIN)/python -m training.beside --with $$$$ --tune models ) & \
	  exec env TESSERA_FOLLOW_S=$${TESSERA_FOLLOW_S:-5} $(SERVE)

committed: .venv/runtime
	@exec $(SERVE)

.venv/bench: .venv/train pyproject.toml
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

.venv/ray: .venv/dev pyproject.toml
	$(INSTALL) -e '.[cpu,generation,train,dev,ray]'
	@touch $@

# Each test that makes an application starts two processes a model for it.
.PHONY: ray-tests
ray-tests: .venv/ray
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest tests/fleet
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest --engine ray $(RAY_TESTS)

RAY_TESTS ?= tests/api

chaos: .venv/dev
	$(BIN)/python -m benchmarks.chaos $(CHAOS)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage
