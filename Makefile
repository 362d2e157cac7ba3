# The commands of README.md. Each builds the virtual environment it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= flwrlabs/celeba
RUNS ?= runs

.PHONY: demo test check train evaluate embed browser

demo: $(VENV)/demo
	$(BIN)/python app.py

test: $(VENV)/dev browser
	$(BIN)/python -m pytest

check: test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Goes on from the checkpoint if there is one; the weights end in $(RUNS)/editor.
train: $(VENV)/demo
	$(BIN)/python train.py gan --data $(DATA) --out $(RUNS)/gan $(if $(wildcard $(RUNS)/gan/checkpoint.pt),--resume)
	$(BIN)/python train.py classifier --data $(DATA) --out $(RUNS)/classifier
	$(BIN)/python train.py editor --generator $(RUNS)/gan/generator.safetensors \
		--classifier $(RUNS)/classifier/classifier.safetensors --out $(RUNS)/editor
	PYTHONPATH=. $(BIN)/python benchmarks/quality.py --data $(DATA) --weights $(RUNS)/editor --out $(RUNS)/quality.json

# What README.md and the model card show of the embedded weights.
evaluate: $(VENV)/demo
	PYTHONPATH=. $(BIN)/python benchmarks/quality.py --data $(DATA)
	PYTHONPATH=. $(BIN)/python benchmarks/faces.py

# Make the last training's weights the embedded ones.
embed:
	cp $(RUNS)/editor/config.json $(RUNS)/editor/model.safetensors expressions/weights/
	$(MAKE) evaluate

$(VENV)/demo: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/demo
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

browser: $(VENV)/dev
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| $(BIN)/playwright install chromium
