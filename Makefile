PYTHON ?= python3
BIN = $(CURDIR)/.venv/bin
INSTALLED = .venv/installed

.PHONY: demo test bench clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

define COMPARE
import math, os
import numpy as np
from sklearn.datasets import load_digits
labels, truth = np.load("digits-labels.npy"), load_digits().target
assert labels.dtype == truth.dtype and np.array_equal(labels, truth), "the labels differ"
size, uniform = os.path.getsize("digits.mdl"), math.ceil(truth.size * math.log2(10) / 8)
print(f"{truth.size:,} labels came back identical from {size} bytes; a uniform code takes {uniform}")
endef
export COMPARE

# Encode (which decodes once in a fresh process), decode, and compare with what scikit-learn ships.
demo: $(INSTALLED)
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; cd "$$folder"; PATH="$(BIN):$$PATH"; \
	echo '$$ mdlcodec encode digits'; mdlcodec encode digits; \
	echo '$$ mdlcodec decode digits.mdl --inputs digits'; mdlcodec decode digits.mdl --inputs digits; \
	python -c "$$COMPARE"

test: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# DATA: a folder with mnist/ and tabular/ as bench/labels.py describes
DATA ?= data
bench: $(INSTALLED)
	$(BIN)/python bench/labels.py --data $(DATA) -o bench/results/labels

clean:
	rm -rf .venv build *.egg-info
