# make demo: the whole tour on real digits; make test: all checks. Each makes .venv and installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
export DIABOLO_DATA ?= $(shell test -d ../shared/data && cd ../shared/data && pwd)

.PHONY: demo test lint browser bench notebooks kernel clean

demo: .venv/installed
	$(BIN)/diabolo demo

test: .venv/installed-dev lint browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup

browser:
	@command -v chromium chromedriver >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq -y chromium chromium-driver >/dev/null; } \
	  || echo "chromium could not be installed: the tests of pages in a browser are skipped"

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/python bench/train_speed.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ .venv/installed

notebooks: .venv/installed-dev
	$(BIN)/python notebooks/run.py

# the exact coder's kernel; needs clang and lld
kernel:
	clang --target=wasm32 -O3 -msimd128 -mbulk-memory -ffreestanding -nostdlib -fno-builtin -Wall -Wl,--no-entry,--strip-all \
	  -Wl,--export=run,--export=model,--export=model_size,--export=heap \
	  -o src/diabolo/coding/exact/kernel.wasm src/diabolo/coding/exact/kernel.c

clean:
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache
