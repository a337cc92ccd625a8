# `make` lists the targets. The work is in scripts/, in Python.
.DEFAULT_GOAL := help
.PHONY: help demo test check format bench visitors shots data tree lock clean

# What ruff and mypy read: the parts that exist.
CODE := $(wildcard app.py pages ui agent pipeline data scripts tests)
# A Python from 3.11 on, for the scripts that make the virtual environment. PYTHON=... names one.
FIND := python=$$(sh scripts/find-python.sh) || exit 1
SETUP := $(FIND); "$$python" -m scripts.bootstrap
RUN := .venv/bin/python -m

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## set up, start the engine and the app, open the browser (PORT=9000 chooses the port)
	@$(FIND); exec "$$python" -m scripts.demo

test: ## set up, then every test, a headless browser included (ARGS="-k clock" goes to pytest)
	@$(FIND); exec "$$python" -m scripts.run_tests $(ARGS)

check: ## ruff and mypy --strict
	@$(SETUP) --dev
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy $(CODE)

format: ## put the code in ruff's format and order
	@$(SETUP) --dev
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: ## measure, and print the table (ARGS="--json")
	@$(SETUP)
	$(RUN) pipeline bench $(ARGS)

visitors: ## measure how long a click takes with ten people at the page (ARGS="--people 1 --json")
	@$(SETUP) --dev
	$(RUN) tests.visitors $(ARGS)

shots: ## take the screenshots in docs/img/ (ARGS="live how" takes those pages alone)
	@$(SETUP) --dev
	$(RUN) tests.shots $(ARGS)

data: ## build the default world and the replay in data/ again
	@$(SETUP) --dev
	$(RUN) data.builder

tree: ## write the README's annotated tree from the modules' docstrings
	@$(FIND); exec "$$python" -m scripts.tree

lock: ## pin what requirements.txt resolves to in constraints.txt
	$(RUN) scripts.lock

clean: ## delete the virtual environment, the state folder and caches
	rm -rf .venv .airline .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
