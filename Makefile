# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
#
# make run [SOURCE=...] [OUT=out]   camera node -> depth node over real ROS topics, results in OUT
# make test [ARGS=...]              the whole test suite (ARGS go to pytest)
# make lint                         ruff and mypy
# make clean                        remove what these made: .venv, .cache, out
#
# Python 3.10 to 3.13 and no ROS needed: everything is installed into .venv by the first call.

PYTHON ?= python3
VENV ?= .venv
SOURCE ?=
OUT ?= out
ARGS ?=
TEST_EXTRAS ?= run,ros,train,test

BIN := $(VENV)/bin
CLIP := .cache/clips/room

# A sourced ROS installation must not leak into .venv, which brings its own.
unexport PYTHONPATH PYTHONHOME AMENT_PREFIX_PATH RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE
ifdef ROS_DISTRO
unexport LD_LIBRARY_PATH
endif

.PHONY: run test lint clean
.DELETE_ON_ERROR:

# Without SOURCE: a clip that the project renders itself, once.
run: $(VENV)/.run
ifeq ($(SOURCE),)
	$(BIN)/python -m depth_ros.training.render $(CLIP) --seed 13 --kind room --frames 300 --width 640 --height 480 --rate 30
endif
	$(BIN)/python -m depth_ros.cli run "$(or $(SOURCE),$(CLIP))" --ros --out "$(OUT)"

test: $(VENV)/.test
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict depth_ros

clean:
	rm -rf "$(VENV)" .cache out *.egg-info .pytest_cache .mypy_cache .ruff_cache

# Stamps: a second call installs nothing, until the requirements change.
$(VENV)/.run: EXTRAS := run,ros
$(VENV)/.test: EXTRAS := $(TEST_EXTRAS)
$(VENV)/.lint: EXTRAS := $(TEST_EXTRAS),lint
$(VENV)/.run $(VENV)/.test $(VENV)/.lint: setup.py pyproject.toml | $(BIN)/pip
	@echo "Installing $(EXTRAS) into $(VENV); the first time takes some minutes."
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --editable ".[$(EXTRAS)]"
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); sys.exit(not ok and \
	    "depth_ros needs Python 3.10 to 3.13, and this is " + sys.version.split()[0] + \
	    ": name another one, as in make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo "$(PYTHON) cannot make virtual environments: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv "$(VENV)"
	@$(BIN)/python -m pip install --quiet --upgrade pip
