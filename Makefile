# The commands of README.md. Each builds the virtual environment it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two workers, each with its own page to test: small networks gain nothing from a second thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
DATA ?= flwrlabs/celeba
RUNS ?= runs
PLAIN ?= benchmarks/plain.safetensors
SIZE ?= cpu

.PHONY: demo test quick check train evaluate embed browser

demo: $(VENV)/demo
	$(BIN)/python app.py

test: $(VENV)/dev browser
	$(PYTEST)

# What a change needs while it is being made.
quick: $(VENV)/dev browser
	$(PYTEST) -m "not slow"

check: test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What is finished stays, and a training goes on from its checkpoint; the weights end in $(RUNS)/editor. The stages are
# in expressions/training/pipeline.py: `train.py all --dry-run` prints them.
train: $(VENV)/demo
	$(BIN)/python train.py all --data $(DATA) --size $(SIZE) --runs $(RUNS)

# What README.md and the model card show of the embedded weights, beside the generator PLAIN, trained without edits.
evaluate: $(VENV)/demo
	$(BIN)/python -m benchmarks.quality --data $(DATA) --plain $(PLAIN)
	$(BIN)/python -m benchmarks.editing --data $(DATA) --plain $(PLAIN)
	$(BIN)/python -m benchmarks.limits --data $(DATA)
	$(BIN)/python -m benchmarks.published
	$(BIN)/python -m benchmarks.pictures

# Make the last training's weights the embedded ones.
embed:
	cp $(RUNS)/editor/config.json $(RUNS)/editor/model.safetensors expressions/weights/
	$(MAKE) evaluate

$(VENV)/demo: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(if $(CPU),$(BIN)/pip install --quiet -r pre-requirements.txt)
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/demo
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

browser: $(VENV)/dev
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| $(BIN)/playwright install chromium
