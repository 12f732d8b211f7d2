# `make run` and `make test` do all of their set-up; what is there already is not done again.

# Python 3.11 or newer. `make run PYTHON=...` takes another one.
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PY := .venv/bin/python
HOME_MODELS := $(or $(THUMBLOOP_HOME),data)/models
TEST_MODELS := build/test-home/models
PYTEST := $(PY) -m pytest

.PHONY: run setup test lint types fast models browser loop e2e bench-quick screenshots clean

run: setup
	@.venv/bin/thumbloop serve

setup: .venv/.installed
	@$(call copy_models,$(TEST_MODELS),$(HOME_MODELS))
	@$(PY) -m assistant.defaults "$(HOME_MODELS)"

test: lint types fast models browser loop

lint: .venv/.dev
	@echo "== lint"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: .venv/.dev
	@echo "== types"
	@$(PY) -m mypy

fast: .venv/.dev
	@echo "== fast tests"
	@OMP_NUM_THREADS=1 $(PYTEST) -n 2 --dist loadfile -m "not models and not process and not browser and not loop"

models: .venv/.dev test-models
	@echo "== tests with the default models and with training processes"
	@$(PYTEST) -m "models or process"

browser: .venv/.dev test-models
	@echo "== tests in a browser"
	@$(PYTEST) -m browser

loop: .venv/.dev test-models
	@echo "== the whole loop over HTTP"
	@$(PYTEST) -m loop -v -s

bench-quick: .venv/.dev test-models
	@echo "== whether feedback makes the assistant better, the quick form"
	@$(PY) -m bench.loop_gain --quick --preferences bullets --models $(TEST_MODELS)

e2e: browser loop

screenshots: .venv/.dev
	@$(PY) -m bench.screenshots

.PHONY: test-models
test-models: .venv/.dev
	@$(call copy_models,data/models,$(TEST_MODELS))
	@$(PY) -m assistant.defaults "$(TEST_MODELS)"

# The test and the app each have their models; what one has, the other need not download and convert again.
define copy_models
for m in smollm2-135m-instruct all-minilm-l6-v2; do \
	if [ -e "$(1)/$$m/thumbloop.json" ] && [ ! -e "$(2)/$$m" ]; then \
		mkdir -p "$(2)" && rm -rf "$(2)/.partial-$$m" && \
		cp -R "$(1)/$$m" "$(2)/.partial-$$m" && mv "$(2)/.partial-$$m" "$(2)/$$m" || exit 1; \
	fi; \
done
endef

.venv/.created:
	@test -n "$(PYTHON)" || { echo "Thumbloop needs Python 3.11 or newer: install it, or name it: make run PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module does not work here. On Debian: apt install python3-venv"; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check pip==26.3
	@touch $@

.venv/.installed: .venv/.created pyproject.toml constraints.txt
	$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.dev: .venv/.created pyproject.toml constraints.txt
	$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ .venv/.installed

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
