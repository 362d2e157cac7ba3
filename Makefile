# The commands of README.md. Each builds the virtual environment it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two workers, each with its own page to test: small networks gain nothing from a second thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
DATA ?= flwrlabs/celeba
RUNS ?= runs
PLAIN ?= benchmarks/plain.safetensors
TRAIN := $(BIN)/python train.py
BENCH := PYTHONPATH=. $(BIN)/python benchmarks
resume = $(if $(wildcard $(addprefix $(RUNS)/$(1)/,checkpoint.pt checkpoint-previous.pt)),--resume)
GENERATOR := $(RUNS)/strict/generator.safetensors,$(RUNS)/mild/generator.safetensors
teacher = $(RUNS)/teacher$(1)/classifier.safetensors
TEACHERS := $(call teacher,1),$(call teacher,2),$(call teacher,3),$(call teacher,4)
IDENTITY := $(RUNS)/identity/identity.safetensors

# How long, and in what batches. SIZE=gpu is the schedule of the embedded weights, but for 420,000 images through one
# classifier and an average before the polish, whose discriminator of pixels was new, and in its midst two branches and
# their average, after which discriminators, classifiers and embedding were. On a CPU the networks are smaller.
SIZE ?= cpu
$(if $(filter cpu gpu,$(SIZE)),,$(error SIZE must be cpu or gpu, got $(SIZE)))
batches := --batch-size 128 --penalty-batch 16 --ema-kimg 30
gan.gpu := --kimg 3300 $(batches) --cooldown 0.3 --g-lr 3e-4 --d-lr 3e-4 --max-shift 4
edits.gpu := --kimg 1500 $(batches) --max-shift 4 --edit-weight 5 --pixel-weight 0.5
texture.gpu := --texture-weight 1
polish.gpu := --kimg 2700 $(batches) --lead-kimg 60
branch.gpu := --kimg 240 $(batches)
networks.cpu := --g-width 16 --d-kernel 3
edits.cpu := --kimg 500 --ema-kimg 10
polish.cpu := --kimg 84 --lead-kimg 8 --ema-kimg 10
branch.cpu := --kimg 24 --ema-kimg 8

# A training with edits, run $(1), from another one's generator, run $(2). Rates are given: the defaults were measured in
# trainings without edits.
edits = $(TRAIN) gan --data $(DATA) --out $(RUNS)/$(1) $(call resume,$(1)) --start $(RUNS)/$(2) \
	$(networks.$(SIZE)) --classifiers $(TEACHERS) --identity $(IDENTITY)
# Such a training whose discriminator sees through a classifier and the embedding of identities.
polish = $(call edits,$(1),$(2)) --features $(call teacher,1),$(IDENTITY) $(texture.$(SIZE)) \
	--g-lr 1e-4 --d-lr 2e-4 --beta1 0 --beta2 0.99

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

# Classifiers and trainings that are finished stay, and a training goes on from its checkpoint; the weights end in
# $(RUNS)/editor. The last training branches, strict about edits and mild: the editor is that of the mean of both.
train: $(VENV)/demo $(RUNS)/classifier/classifier.safetensors $(IDENTITY) $(foreach seed,1 2 3 4,$(call teacher,$(seed)))
	$(TRAIN) gan --data $(DATA) --out $(RUNS)/gan $(call resume,gan) $(networks.$(SIZE)) $(gan.$(SIZE))
	$(call edits,edits,gan) --g-lr 2e-4 --d-lr 2e-4 --cooldown 0.5 $(edits.$(SIZE))
	$(call polish,polish,edits) --cooldown 0.1 --edit-weight 3 --pixel-weight 0.3 $(polish.$(SIZE))
	$(call polish,strict,polish) --cooldown 0.6 --edit-weight 6 --pixel-weight 0.6 --seed 1 $(branch.$(SIZE))
	$(call polish,mild,polish) --cooldown 0.6 --edit-weight 2.5 --pixel-weight 0.3 --seed 2 $(branch.$(SIZE))
	$(TRAIN) distil --data $(DATA) --generator $(GENERATOR) --student $(RUNS)/classifier/classifier.safetensors \
		--teachers $(TEACHERS) --out $(RUNS)/student
	$(TRAIN) editor --generator $(GENERATOR) --classifier $(RUNS)/student/classifier.safetensors --out $(RUNS)/editor
	$(BENCH)/quality.py --data $(DATA) --weights $(RUNS)/editor --out $(RUNS)/quality.json
	$(BENCH)/editing.py --data $(DATA) --weights $(RUNS)/editor --faces 32 --out $(RUNS)/editing.json

# What the editor is made with knows half of the people, what judges it the other half. Four classifiers and an embedding
# of identities teach the generator; a fifth classifier learns what they see in its faces, and measures these for the
# editor.
$(RUNS)/classifier/classifier.safetensors: | $(VENV)/demo
	$(TRAIN) classifier --data $(DATA) --identities even --out $(@D)

$(RUNS)/teacher%/classifier.safetensors: | $(VENV)/demo
	$(TRAIN) classifier --data $(DATA) --identities even --seed $* --out $(@D)

$(IDENTITY): | $(VENV)/demo
	$(TRAIN) identity --data $(DATA) --identities even --out $(@D)

# What README.md and the model card show of the embedded weights, beside the generator PLAIN, trained without edits.
evaluate: $(VENV)/demo
	$(BENCH)/quality.py --data $(DATA) --plain $(PLAIN)
	$(BENCH)/editing.py --data $(DATA) --plain $(PLAIN)
	$(BENCH)/limits.py --data $(DATA)
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
	$(if $(CPU),$(BIN)/pip install --quiet -r pre-requirements.txt)
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/demo
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

browser: $(VENV)/dev
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| $(BIN)/playwright install chromium
