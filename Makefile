# Each target makes the environment that it needs. See README.md for what they show.
PYTHON ?= python3
VENV := .venv
CORE := .venv-core
BIN := $(VENV)/bin

.PHONY: demo test quick lint bench growth profiles models calibrate readme clean

demo: $(CORE)/.installed
	$(CORE)/bin/offload-sim run quickstart

test: $(VENV)/.installed lint
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/pytest -n 2 --dist loadfile --engine fast -m "not torch and not engine_free"

quick: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 --dist loadfile -q -m "not slow and not torch" tests/unit/test_physics_*.py tests/unit/test_scenario_load.py \
		tests/unit/test_workload.py tests/unit/test_statistics.py tests/unit/test_metrics.py tests/unit/test_report.py \
		tests/unit/test_candidates.py tests/unit/test_partition.py tests/unit/test_devices_card.py tests/unit/test_profile_model.py \
		tests/unit/test_comparability.py tests/oracles/test_timelines.py tests/cli/test_broken.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/decisions.py
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/transfers.py

growth: $(VENV)/.installed
	$(BIN)/python benchmarks/growth.py

profiles: $(VENV)/.installed
	$(BIN)/python -m simulator.profiling.extract

models: $(VENV)/.installed
	$(BIN)/python docs/models.py

calibrate: $(VENV)/.installed
	$(BIN)/python -m simulator.devices.calibrate

readme: $(CORE)/.installed
	$(CORE)/bin/python docs/regenerate.py

clean:
	rm -rf $(VENV) $(CORE) build *.egg-info

$(CORE)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(CORE)
	$(CORE)/bin/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[profiling,cluster,optimise,test]"
	touch $@
