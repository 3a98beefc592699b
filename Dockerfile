# Python, the command tto and what the workflow needs, in the versions of requirements.lock:
#   docker build --tag tto .
# In a clone, whose folder then gets the results:
#   docker run --rm --volume "$PWD:/clone" tto snakemake --cores all
#   docker run --rm --volume "$PWD:/clone" tto tto inspect results/demo/models/hopper-medium-replay-v2/seed0
# For a GPU: docker run --gpus all, with the wheels of PyTorch that your package index has for CUDA.
FROM python:3.11-slim-bookworm

# A compiler for the fast planner, and what MuJoCo draws with where there is no screen.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libegl1 libgl1-mesa-dri libosmesa6 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/tto
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY lib lib
RUN pip install --no-cache-dir --constraint requirements.lock '.[workflow,video,remote,tensorboard,hub]'

WORKDIR /clone
CMD ["tto", "--help"]
