# make demo   the whole workflow on data collected on this machine, in 15 to 26 minutes
# make test   linters, type checker and tests
# make gpu    tests, times and memory of a GPU, on a page in docs/benchmarks; DRY=1 tries it without one
# make test-slurm  the workflow on a Slurm that is started on this machine (root, Debian), with faults
# make test-faults FAULTS=100   kill processes of a tiny run that often, then damaged files and full disks
# make test-demo-faults   kill processes of the whole demo 20 times, and compare with one undisturbed
# make test-fuzz FUZZ=2000   random hostile inputs, that many of each kind
# make lint   the first two of them
# make setup  set up .venv and no more
# make docs   the docs as a site that opens offline, with the library's reference: site/index.html
# make release  wheel, site and container recipes, to dist/
# make readme renew the README's results from the published run that it names
# make lock   renew requirements.lock
# make clean  remove what the demo and the tools left (results/demo, caches), not .venv, and not what
#             Snakemake remembers of the settings of other runs (.snakemake/metadata, incomplete, locks)

PYTHON ?= python3
# Without --no-compile, half of the set-up would be spent on byte code of modules that nobody imports.
# Jobs are many short processes; where the environment forbids byte code, each would compile its imports anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint requirements.lock

.PHONY: demo test gpu test-slurm test-faults test-demo-faults test-fuzz lint setup docs release readme lock clean
.DELETE_ON_ERROR:

demo: .venv/runtime.stamp
	$(BIN)/snakemake --cores all
	@echo; cat results/demo/tables/table1.md; echo; echo "Report: results/demo/report.html"

JOBS ?= 2
test: lint
	$(BIN)/python -m pytest --numprocesses $(JOBS) --no-loadscope-reorder

gpu: .venv/test.stamp
	$(BIN)/python benchmarks/gpu.py $(if $(DRY),--dry)

test-slurm: .venv/test.stamp
	timeout 1h $(BIN)/python -m pytest -m slurm -rs $(PYTEST)

FAULTS ?= 20
test-faults: .venv/test.stamp
	TTO_FAULTS=$(FAULTS) $(BIN)/python -m pytest -rs -s \
	  tests/workflow/test_kills.py tests/workflow/test_faults.py tests/training/test_interruption.py

test-demo-faults: demo .venv/test.stamp
	TTO_FAULTS=$(FAULTS) TTO_FAULTS_DEMO=. $(BIN)/python -m pytest -rs -s tests/workflow/test_kills.py

FUZZ ?= 2000
test-fuzz: .venv/test.stamp
	TTO_FUZZ=$(FUZZ) $(BIN)/python -m pytest -rs tests/fuzz

lint: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/pyright

setup: .venv/runtime.stamp

docs: .venv/test.stamp
	$(BIN)/python docs/build_site.py site

release: .venv/test.stamp
	rm -rf dist && mkdir -p dist/source
	# from a copy, as a build leaves files beside its sources
	git archive HEAD pyproject.toml README.md LICENSE lib | tar -x -C dist/source
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist dist/source
	rm -r dist/source
	$(BIN)/python docs/build_site.py dist/site
	cd dist && tar -czf tto-docs.tar.gz site && rm -r site
	git archive --output dist/tto-containers.tar.gz HEAD Dockerfile .dockerignore apptainer.def \
	  requirements.lock pyproject.toml README.md LICENSE lib
	cp CHANGELOG.md dist

readme: .venv/runtime.stamp
	$(BIN)/python -m tto.report.page.readme

lock: .venv/test.stamp
	$(PIP_INSTALL) pip-tools
	$(BIN)/python -m piptools compile --quiet --strip-extras --all-extras \
	  --upgrade-package torch==2.13.0 --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --no-emit-options --no-header --annotation-style line \
	  --output-file .venv/requirements.lock pyproject.toml
	# torch comes for processors (+cpu) or with CUDA, whose libraries it pins itself
	sed -E '/^(nvidia-|cuda-|triton=)/d; s/^(torch==[0-9.]+)\+[a-z0-9]+/\1/' .venv/requirements.lock > requirements.lock

clean:
	rm -rf results/demo site dist .pytest_cache .ruff_cache .hypothesis
	# Without its memory, Snakemake would take results of other settings for those of the config.
	test ! -d .snakemake || find .snakemake -mindepth 1 -maxdepth 1 \
	  ! -name metadata ! -name incomplete ! -name locks ! -name 'metadata.db*' -exec rm -rf {} +

.venv/runtime.stamp: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP_INSTALL) --editable '.[workflow,video]'
	touch $@

.venv/test.stamp: .venv/runtime.stamp
	$(PIP_INSTALL) --editable '.[workflow,video,test,port,tensorboard,wandb,hub]'
	touch $@
