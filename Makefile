# Two commands set everything up on a machine with nothing but python3 (3.11 or newer) and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CASE := golden/kube-proxy/1.29.1-901

.PHONY: demo test conformance lint bench shapes clean

demo: $(VENV)/installed
	@echo '--- natc compile: the rules of default/nodeport-svc'
	$(BIN)/natc compile $(CASE)/cluster.yaml --hostname-override node1 --cluster-cidr 10.244.0.0/16
	@echo '--- natc trace: where a packet to it goes, on the dump of a real kube-proxy'
	$(BIN)/natc trace $(CASE)/save-legacy.txt --dst 10.105.182.209:3000

test: $(VENV)/installed
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not shared and not kernel'

# The recorded answers beside the checkout and the kernel of this machine (root, iptables).
conformance: $(VENV)/installed
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'shared or kernel'

lint: $(VENV)/installed
	$(BIN)/ruff check natc tests
	$(BIN)/ruff format --check natc tests
	$(BIN)/mypy

bench: $(VENV)/installed
	$(BIN)/python -m tests.benchmarks

# What natc knows of usual lines without asking Lark, after a change of the grammar.
shapes: $(VENV)/installed
	$(BIN)/python -m tests.delivered

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'natc needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) dist build
