# The image of Spanloop: backend, extractor and training program, with the embedded model.
#
#     docker build -t spanloop .                               # for CPUs
#     docker build -t spanloop:gpu --build-arg TORCH_INDEX= .  # for GPUs: PyPI's torch includes CUDA; the host needs the driver
#
# This command runs a whole Spanloop, with all its state in that volume:
#
#     docker run -p 127.0.0.1:9090:9090 -v spanloop:/var/lib/spanloop spanloop
#
# It runs as uid 10001 and writes only to the volume and to
# /tmp: --read-only --tmpfs /tmp --cap-drop all works. Everyone who reaches the port can use it: set
# SPANLOOP_BASIC_AUTH_USERNAME and SPANLOOP_BASIC_AUTH_PASSWORD (-e) before other machines reach it. podman and buildah
# build with the same arguments.
#
# BASE is an image with Python 3.11 or later. A tag moves; a tag with a digest does not, and `make base` writes it here.
# It may also be, like NVIDIA's images, one whose apt offers Python:
#     --build-arg BASE=docker.io/nvidia/cuda:…-base-ubuntu24.04 --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
# For a package index of your own, give pip's configuration as a secret, which stays out of the image:
#     --secret id=pip.conf,src=$HOME/.config/pip/pip.conf
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS python
RUN command -v python3 >/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*; }

# The packages. This stage does not depend on the code: a change of the code neither builds nor pushes it again.
FROM python AS environment
ENV PIP_PYTHON=/opt/venv PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -c "import pip" 2>/dev/null || { apt-get update && apt-get install -y --no-install-recommends python3-pip; }
# pip installs into it from outside, so the environment itself has no pip.
RUN python3 -m venv --without-pip /opt/venv
WORKDIR /app
COPY requirements/base.txt requirements/torch.txt requirements/
# All packages but torch. A file that has not the hash in the list is refused.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m pip install --require-hashes --no-deps -r requirements/base.txt
# torch comes from its own index, because PyPI's build includes 3 GB of CUDA. If that index has no torch, the build of the
# image fails. The second command adds the libraries that a build with CUDA needs, and torch itself where TORCH_INDEX is
# empty.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    { [ -z "$TORCH_INDEX" ] || python3 -m pip install --no-deps --index-url "$TORCH_INDEX" -r requirements/torch.txt; } \
    && python3 -m pip install -r requirements/torch.txt
COPY pyproject.toml ./
# An editable install writes the project's metadata, from which a Bento's requirements are read. The code itself is in
# /app. Then files are deleted that no program needs: tests, and headers and tools for compiling extensions.
RUN mkdir service training spanloop && touch README.md service/__init__.py training/__init__.py spanloop/__init__.py \
    && python3 -m pip install --no-deps --no-build-isolation --editable . \
    && python3 -m pip check \
    && cd /opt/venv/lib/python3*/site-packages \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && find torch/bin -type f ! -name torch_shm_manager -delete \
    && rm -rf torch/include torch/share torch/test \
    # BentoML installs uv before it makes a Bento if it finds none, but runs it only to lock packages. Ours are pinned.
    && rm -f /opt/venv/bin/uvx && ln -sf /bin/false /opt/venv/bin/uv

FROM python AS code
WORKDIR /app
COPY starter /starter
COPY LICENSE ./
# The hashes of the packages' files, for the lists of materials of versions.
COPY requirements/base.txt requirements/torch.txt requirements/
COPY service service
COPY training training
COPY spanloop spanloop
# All users may read the files, even if the checkout's files are private.
RUN chmod -R u=rwX,go=rX /app /starter && python3 -m compileall -q .

FROM python
# Remove the base's own installers.
RUN if python3 -c "import pip" 2>/dev/null; then PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip uninstall -qy setuptools wheel pip; fi
RUN echo "spanloop:x:10001:10001::/var/lib/spanloop:/usr/sbin/nologin" >> /etc/passwd \
    && echo "spanloop:x:10001:" >> /etc/group \
    && install -d -m 700 -o 10001 -g 10001 /var/lib/spanloop
COPY --from=environment /opt/venv /opt/venv
COPY --from=code /starter /app/starter
COPY --from=code /app /app
# The chart sets the same variables. Libraries keep their caches below HOME.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    SPANLOOP_HOME=/var/lib/spanloop \
    BENTOML_HOME=/var/lib/spanloop/bentoml \
    BENTOML_DO_NOT_TRACK=True \
    HF_HOME=/var/lib/spanloop/huggingface
WORKDIR /app
USER 10001:10001
VOLUME /var/lib/spanloop
EXPOSE 9090
CMD ["bentoml", "serve", "service.main:Spanloop", "--host", "0.0.0.0", "--port", "9090"]
ARG BASE
ARG VERSION=dev
LABEL org.opencontainers.image.title="Spanloop" \
      org.opencontainers.image.description="Closes the loop between people who label text in Label Studio and the GLiNER model that helps them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="$BASE" \
      org.opencontainers.image.version="$VERSION"
