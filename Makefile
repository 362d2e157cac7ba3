# The commands of README.md. Each builds the virtual environment it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= flwrlabs/celeba
RUNS ?= runs
PLAIN ?= $(RUNS)/gan/generator.safetensors
TRAIN := $(BIN)/python train.py
BENCH := PYTHONPATH=. $(BIN)/python benchmarks
resume = $(if $(wildcard $(RUNS)/$(1)/checkpoint*.pt),--resume)
averaged = $(RUNS)/$(1)/generator.safetensors
TEACHERS := $(RUNS)/teacher1/classifier.safetensors,$(RUNS)/teacher2/classifier.safetensors

# The end of the training, with seed $(1): the discriminator sees through the teacher of that seed.
polish = $(TRAIN) gan --data $(DATA) --out $(RUNS)/polish$(1) $(call resume,polish$(1)) --start $(RUNS)/edits --seed $(1) \
	--kimg 84 --lead-kimg 8 --cooldown 0.4 --g-lr 1e-4 --beta1 0 --beta2 0.99 --max-shift 0 \
	--features $(RUNS)/teacher$(1)/classifier.safetensors --classifiers $(TEACHERS) --edit-weight 0.9 --pixel-weight 0.09

.PHONY: demo test check train evaluate embed browser

demo: $(VENV)/demo
	$(BIN)/python app.py

test: $(VENV)/dev browser
	$(BIN)/python -m pytest

check: test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What is finished stays, and a training goes on from its checkpoint; the weights end in $(RUNS)/editor.
train: $(VENV)/demo $(RUNS)/evaluator.safetensors $(RUNS)/classifier/classifier.safetensors \
		$(RUNS)/teacher1/classifier.safetensors $(RUNS)/teacher2/classifier.safetensors
	$(TRAIN) gan --data $(DATA) --out $(RUNS)/gan $(call resume,gan)
	$(TRAIN) gan --data $(DATA) --out $(RUNS)/edits $(call resume,edits) --start $(RUNS)/gan --kimg 500 --cooldown 0.5 \
		--classifiers $(TEACHERS)
	$(call polish,1)
	$(call polish,2)
	$(TRAIN) editor --generator $(call averaged,polish1),$(call averaged,polish2),$(call averaged,edits) \
		--classifier $(RUNS)/classifier/classifier.safetensors --out $(RUNS)/editor
	$(BENCH)/quality.py --data $(DATA) --weights $(RUNS)/editor --out $(RUNS)/quality.json
	$(BENCH)/editing.py --data $(DATA) --weights $(RUNS)/editor --out $(RUNS)/editing.json

# What the editor is made with knows half of the people, what judges it the other half. Two classifiers teach the
# generator; a third, which the generator has not learnt to please, measures its faces for the editor.
$(RUNS)/classifier/classifier.safetensors: | $(VENV)/demo
	$(TRAIN) classifier --data $(DATA) --identities even --out $(@D)

$(RUNS)/teacher%/classifier.safetensors: | $(VENV)/demo
	$(TRAIN) classifier --data $(DATA) --identities even --seed $* --out $(@D)

$(RUNS)/evaluator.safetensors: | $(VENV)/demo
	$(BENCH)/judges.py --data $(DATA) --out $@

# What README.md and the model card show of the embedded weights, beside the generator PLAIN, trained without edits.
evaluate: $(PLAIN) $(VENV)/demo $(RUNS)/evaluator.safetensors
	$(BENCH)/quality.py --data $(DATA) --plain $(PLAIN)
	$(BENCH)/editing.py --data $(DATA) --plain $(PLAIN)
	$(BENCH)/figures.py
	$(BENCH)/matrix.py
	$(BENCH)/faces.py
	$(BENCH)/tables.py

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
