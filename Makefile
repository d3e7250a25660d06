# Both commands set themselves up in .venv from constraints.txt.
PYTHON ?= python3
VENV := .venv
DIR ?= runs/quickstart
READY := $(VENV)/ready

.PHONY: run test clean

run: $(READY)
	$(VENV)/bin/python -m distill.run teacher=big student=small run.dir=$(DIR)

test: $(READY)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n auto --dist loadfile --jaxtyping-packages=distill,teachers,students,personalizer,benchmarks,beartype.beartype

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e ".[synth,dev]"
	touch $@

clean:
	rm -rf $(VENV)
