# All of this project's environment in one image; the checkout is mounted, and `make` and `snakemake` run in it:
#   docker build --tag gap . && docker run --rm --volume "$PWD:/project" gap snakemake --cores all
FROM python:3.11.7-slim-bookworm

# Debian keeps one version of a package per release, so none can be named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /project

WORKDIR /environment
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Libraries first: they change less often than the code.  On a machine without a GPU, the smaller build of torch:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu ...
ARG PIP_EXTRA_INDEX_URL=
RUN mkdir -p src/gap \
    && pip install --no-cache-dir --constraint constraints.txt '.[test]' \
    && pip uninstall --yes gap-reproduction

# The code is the mounted checkout's.
ENV PYTHONPATH=/project/src
RUN printf '#!/bin/sh\nexec python -m gap.cli.main "$@"\n' > /usr/local/bin/gap && chmod +x /usr/local/bin/gap
WORKDIR /project
CMD ["snakemake", "--cores", "all"]
