# Spanloop: `make help` lists the targets.

PYTHON ?= python3.11
VENV ?= .venv
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spanloop
LABEL_STUDIO_VERSION := 1.23.2
LABEL_STUDIO := $(CACHE)/label-studio-$(LABEL_STUDIO_VERSION)
AXE := $(CACHE)/axe-core-4.12.1
# This package on PyPI holds axe-core 4.12.1 as npm has it (MPL-2.0): so the tests need no npm.
AXE_PACKAGE := axe-playwright-python==0.1.8
HELM_TOOLS := $(CACHE)/helm-4.3.1
# Without a GPU, torch's CPU build saves a download of 3 GB. If its index does not answer, PyPI's build works as well.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,https://download.pytorch.org/whl/cpu)
PORT ?= 9090
HOST ?= 127.0.0.1
DATA ?= ../shared/data
PREDICTIONS ?= $(CACHE)/predictions
RELEASE := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' service/__init__.py)
IMAGE ?= spanloop:$(RELEASE)
# The image's base without a digest, and where its vulnerabilities are asked for: pypi or osv.
BASE_TAG := $(shell sed -n 's/^ARG BASE=\([^@]*\).*/\1/p' Dockerfile)
ADVISORIES ?= pypi
ENGINE ?= $(or $(shell command -v docker),$(shell command -v podman),$(shell command -v buildah))

export SPANLOOP_HOME ?= $(HOME)/.spanloop
export BENTOML_HOME = $(SPANLOOP_HOME)/bentoml
export BENTOML_DO_NOT_TRACK = True
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo notebook guide serve train test test-slow test-cluster pictures bench study faults fuzz soak storm keep base image sbom release audit lint lock docs starter clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(BIN)/.installed ## make the environment; other targets run this when they need it

# A package whose file has not the hash in requirements/ is refused. `pip check` fails if requirements/ lacks a package.
LOCKED := $(BIN)/pip install -q --require-hashes --no-deps

$(BIN)/.installed: pyproject.toml $(wildcard requirements/*.txt)
	$(PYTHON) -m venv $(VENV)
	$(LOCKED) -r requirements/base.txt -r requirements/development.txt
	$(if $(TORCH_INDEX),$(BIN)/pip install -q --no-deps --retries 0 --timeout 15 --index-url $(TORCH_INDEX) -r requirements/torch.txt || true)
	$(BIN)/pip install -q -r requirements/torch.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	touch $@

COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --python-platform x86_64-unknown-linux-gnu \
  --generate-hashes --no-annotate --no-emit-package torch --custom-compile-command "make lock" $(UPGRADE)
BUT := sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p'

$(BIN)/uv:
	$(MAKE) install

# An environment whose packages do not fit pyproject.toml any more will do.
lock: $(BIN)/uv ## pin all packages by version and hash after a change in pyproject.toml (UPGRADE=--upgrade)
	$(COMPILE) -o requirements/base.txt
	$(COMPILE) --extra dev --extra starter -c requirements/base.txt $$($(BUT) requirements/base.txt) -o requirements/development.txt
	$(COMPILE) --extra bench -c requirements/base.txt $$($(BUT) requirements/base.txt requirements/development.txt) -o requirements/benchmarks.txt
	$(COMPILE) --extra notebook -c requirements/base.txt -c requirements/development.txt $$($(BUT) requirements/base.txt requirements/development.txt) -o requirements/notebook.txt

$(LABEL_STUDIO)/.installed:
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/pip install -q label-studio==$(LABEL_STUDIO_VERSION)
	touch $@

$(HELM_TOOLS)/.installed: $(BIN)/.installed tests/helm/fetch.py
	$(BIN)/python tests/helm/fetch.py $(HELM_TOOLS)
	touch $@

$(AXE)/axe.min.js: $(BIN)/.installed
	$(BIN)/pip download -q --no-deps --dest $(AXE) $(AXE_PACKAGE)
	cd $(AXE) && $(abspath $(BIN))/python -m zipfile -e *.whl unpacked && mv unpacked/axe_playwright_python/axe.min.js .
	rm -r $(AXE)/*.whl $(AXE)/unpacked

demo: $(BIN)/.installed $(LABEL_STUDIO)/.installed ## show the whole loop with a real Label Studio (KEEP=1 leaves the servers running)
	$(BIN)/spanloop demo --program $(LABEL_STUDIO)/bin/label-studio $(if $(KEEP),--keep)

$(BIN)/.notebook: $(BIN)/.installed
	$(LOCKED) -r requirements/notebook.txt
	touch $@

notebook: $(BIN)/.notebook $(LABEL_STUDIO)/.installed ## open the guide in JupyterLab, with Label Studio and Spanloop started
	$(BIN)/python -m examples.notebook open --program $(LABEL_STUDIO)/bin/label-studio

guide: $(BIN)/.installed $(LABEL_STUDIO)/.installed ## run the guide's notebook and keep its outputs
	$(BIN)/python -m examples.notebook run --program $(LABEL_STUDIO)/bin/label-studio

serve: $(BIN)/.installed ## serve the backend for an existing Label Studio (PORT=9090)
	$(BIN)/spanloop serve --host $(HOST) --port $(PORT)

train: $(BIN)/.installed ## start a training run by hand (PROJECT=3)
	@test -n "$(PROJECT)" || { echo "Name the project: make train PROJECT=3"; exit 2; }
	$(BIN)/spanloop train $(foreach project,$(PROJECT),--project $(project))

# Two processes of tests at a time. A model in a test computes with all processors, so more would wait for each other.
AT_ONCE := -n 2

READY := $(BIN)/.installed $(LABEL_STUDIO)/.installed $(HELM_TOOLS)/.installed $(AXE)/axe.min.js
WITH_TOOLS := PATH=$(HELM_TOOLS):$$PATH LABEL_STUDIO=$(LABEL_STUDIO)/bin/label-studio

test: $(READY) ## run all tests but the slow ones, with a real Label Studio, browser and cluster
	$(BIN)/python -m pytest $(AT_ONCE) -m "not slow" tests/service tests/training tests/starter \
	  tests/spanloop tests/benchmarks tests/examples $(ARGS)
	$(WITH_TOOLS) $(BIN)/python -m pytest $(AT_ONCE) tests/helm tests/make tests/documents $(ARGS)
	$(WITH_TOOLS) $(BIN)/python -m pytest $(AT_ONCE) -m "not slow" tests/end_to_end $(ARGS)
	$(WITH_TOOLS) tests/cluster/run $(BIN)/python -m pytest -m "not slow" tests/cluster $(ARGS)

test-slow: $(READY) ## run the slow tests
	$(WITH_TOOLS) $(BIN)/python -m pytest -m slow --ignore tests/cluster $(ARGS)
	$(WITH_TOOLS) tests/cluster/run $(BIN)/python -m pytest -m slow tests/cluster $(ARGS)

test-cluster: $(READY) ## run all tests on a Kubernetes cluster (SPANLOOP_TEST_CONTEXT names its context)
	$(WITH_TOOLS) tests/cluster/run $(BIN)/python -m pytest tests/cluster $(ARGS)

pictures: $(READY) ## take the pictures of the status page that the documents show
	SPANLOOP_SCREENSHOTS=1 $(BIN)/python -m pytest tests/end_to_end/test_status_page.py -k pictures $(ARGS)

$(BIN)/.bench: $(BIN)/.installed
	$(LOCKED) -r requirements/benchmarks.txt
	touch $@

bench: $(BIN)/.bench ## measure the speed of prediction, training and start, and how it changes with size (DATA: the data sets)
	@test -d $(DATA) || { echo "Name the folder of the data sets: make bench DATA=FOLDER. It holds bc5cdr/dev.jsonl and train.jsonl (one {text, spans} a line)."; exit 2; }
	$(BIN)/python -m benchmarks.engine --data $(DATA)
	$(BIN)/python -m benchmarks.training --data $(DATA)
	$(BIN)/python -m benchmarks.growth --data $(DATA)
	$(BIN)/python -m benchmarks.notes --data $(DATA)
	$(BIN)/python -m benchmarks.service --data $(DATA)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.plots

study: $(BIN)/.bench ## measure how much a model learns and write docs/learning.md (DATA; STUDY=medical: one part)
	$(BIN)/python -m benchmarks.study --data $(DATA) $(foreach part,$(STUDY),--part $(part))
	$(if $(STUDY),,$(BIN)/python -m benchmarks.stored --data $(DATA) --out $(PREDICTIONS))
	$(if $(STUDY),,OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.verdicts --stored $(PREDICTIONS))

faults: $(BIN)/.installed ## kill real processes, fill their disk, stall their clients; write docs/reliability.md (KIND=run: one kind)
	$(BIN)/python -m benchmarks.faults $(foreach kind,$(KIND),--kind $(kind))

fuzz: $(BIN)/.installed ## send odd requests to all routes and write docs/reliability.md (REQUESTS=20000 SEED=1)
	$(BIN)/python -m benchmarks.fuzz $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

soak: $(BIN)/.installed ## load a machine for a long time and write docs/reliability.md (MINUTES=30)
	$(BIN)/python -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES))

storm: $(READY) ## kill and drain a release on a cluster under load and write docs/reliability.md (REQUESTS=10000 ROLLOUTS=20 KILLS=50 SEED=1)
	$(WITH_TOOLS) tests/cluster/run $(BIN)/python -m benchmarks.storm $(if $(REQUESTS),--requests $(REQUESTS)) \
	  $(if $(ROLLOUTS),--rollouts $(ROLLOUTS)) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

keep: $(READY) ## keep what this release leaves behind on a cluster, for the tests of upgrades from it
	$(WITH_TOOLS) tests/cluster/run $(BIN)/python -m tests.cluster.keep tests/fixtures/releases/$(RELEASE)

base: ## pin the image's base in the Dockerfile by the digest that its tag has now (ENGINE)
	@test -n "$(ENGINE)" || { echo "Install docker or podman, which pull the base. The Dockerfile was left as it is."; exit 2; }
	$(ENGINE) pull -q $(BASE_TAG)
	@pinned=$$($(ENGINE) image inspect --format '{{index .RepoDigests 0}}' $(BASE_TAG)); \
	  case "$$pinned" in \
	    *@sha256:*) sed -i "s|^ARG BASE=.*|ARG BASE=$(BASE_TAG)@$${pinned#*@}|" Dockerfile; grep '^ARG BASE=' Dockerfile;; \
	    *) echo "$(ENGINE) names no digest of $(BASE_TAG). The Dockerfile was left as it is."; exit 1;; \
	  esac

image: ## build the image (IMAGE, BASE; TORCH_INDEX= for GPUs; ENGINE=podman)
	@test -n "$(ENGINE)" || { echo "Install docker, podman or buildah, which build the image."; exit 2; }
	$(ENGINE) build --tag $(IMAGE) --build-arg VERSION=$(RELEASE) $(if $(BASE),--build-arg BASE=$(BASE)) \
	  $(if $(filter file,$(origin TORCH_INDEX)),,--build-arg TORCH_INDEX=$(TORCH_INDEX)) .

sbom: ## write the software bill of materials of the image to sbom.json (IMAGE, ENGINE)
	@test -n "$(ENGINE)" || { echo "Install docker or podman, which run the image."; exit 2; }
	$(ENGINE) run --rm $(IMAGE) python -m service.versions.sbom > sbom.json

# docker writes no image in OCI's layout to a folder, from which the digest is known before anything is pushed.
release: ENGINE := podman
release: $(BIN)/.installed $(HELM_TOOLS)/.installed ## publish image and chart, signed (REGISTRY, KEY; VERSION, BASE, MODEL)
	@test -n "$(REGISTRY)" || { echo "Name the registry: make release REGISTRY=registry.example.com/nlp KEY=\$$HOME/release.key"; exit 2; }
	PATH=$(abspath $(HELM_TOOLS)):$$PATH $(BIN)/python -m helm.release --registry "$(REGISTRY)" --key "$(KEY)" \
	  --version "$(or $(VERSION),$(RELEASE))" --engine "$(ENGINE)" --base "$(BASE)" --model "$(MODEL)"

# A package that the service does not know, or a service that is not reached, is no all-clear: --strict.
audit: $(BIN)/.installed ## look for known vulnerabilities in the locked packages (ADVISORIES=osv asks OSV instead of PyPI)
	@found=$$($(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off --vulnerability-service $(ADVISORIES) \
	    $(foreach file,$(wildcard requirements/*.txt),--requirement $(file)) 2>&1); status=$$?; echo "$$found"; \
	  test $$status = 0 && exit 0; \
	  case "$$found" in *"known vulnerabilit"*) exit 1;; esac; \
	  echo "The packages were not audited: $(ADVISORIES) was not reached, or it does not know one of them. So nothing is known"; \
	  echo "of their vulnerabilities. Run this where $(ADVISORIES) answers, or ask the other one of pypi and osv (ADVISORIES=osv)."; \
	  exit 2

# mkdocs-material says at each build that its makers work on a successor; this silences it.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

docs: $(BIN)/.installed ## build the documents as a site, in .site
	$(SITE)

lint: $(BIN)/.installed ## check style (ruff), types (mypy), layers (import-linter), declared dependencies (deptry) and links of the documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry service training starter spanloop
	$(SITE)

starter: $(BIN)/.installed ## train the embedded model again (DATA: the data sets)
	$(BIN)/python -m starter.train --data $(DATA) --out starter/model

clean: ## remove the environment and the tools' caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache demo-report.html sbom.json .site .release
