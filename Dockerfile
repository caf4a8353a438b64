# The image of Spanloop: backend, extractor and training program, with the embedded model.
#
#     docker build -t spanloop .                               # computes on processors
#     docker build -t spanloop:gpu --build-arg TORCH_INDEX= .  # on GPUs: PyPI's torch brings CUDA, the host only the driver
#
#     docker run -p 127.0.0.1:9090:9090 -v spanloop:/var/lib/spanloop spanloop
#
# is a whole Spanloop, and that volume is all its state. Whoever reaches the port can use it: set SPANLOOP_BASIC_AUTH_USERNAME
# and SPANLOOP_BASIC_AUTH_PASSWORD (-e) before more than this machine does. Beside the volume only /tmp is written:
# --read-only --tmpfs /tmp works. podman and buildah build with the same arguments.
#
# BASE is an image with Python 3.11 or later. NVIDIA's have none; then apt must offer one:
#     --build-arg BASE=docker.io/nvidia/cuda:…-base-ubuntu24.04 --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
# An index of your own, or its credentials, are told to pip by a secret, which stays out of the image:
#     --secret id=pip.conf,src=$HOME/.config/pip/pip.conf
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS python
RUN command -v python3 >/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*; }

# The packages. Nothing here depends on the code, so a change of it builds and sends none of this again.
FROM python AS environment
ENV PIP_PYTHON=/opt/venv PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -c "import pip" 2>/dev/null || { apt-get update && apt-get install -y --no-install-recommends python3-pip; }
# pip fills it from outside: it is not in there itself.
RUN python3 -m venv --without-pip /opt/venv
WORKDIR /app
COPY constraints.txt ./
# torch first, from an index of its own: PyPI's build has CUDA in it, which is 3 GB. Nothing else is taken where that index has none.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    [ -z "$TORCH_INDEX" ] \
    || python3 -m pip install --no-deps -c constraints.txt --index-url "$TORCH_INDEX" torch
COPY pyproject.toml ./
# Editable: this brings the project's metadata, which a Bento's requirements are read from, and leaves its code to /app.
# Then what no program needs goes: tests, and what extensions are compiled with.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    mkdir service training && touch README.md service/__init__.py training/__init__.py \
    && python3 -m pip install -c constraints.txt --editable . \
    && cd /opt/venv/lib/python3*/site-packages \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && find torch/bin -type f ! -name torch_shm_manager -delete \
    && rm -rf torch/include torch/share torch/test \
    # BentoML wants to see uv before it makes a Bento, or installs it. It runs it only to lock packages, and ours are pinned.
    && rm -f /opt/venv/bin/uvx && ln -sf /bin/false /opt/venv/bin/uv

FROM python AS code
WORKDIR /app
COPY starter /starter
COPY LICENSE ./
COPY service service
COPY training training
# Readable, however the checkout is.
RUN chmod -R u=rwX,go=rX /app /starter && python3 -m compileall -q .

FROM python
# The base's own installers.
RUN if python3 -c "import pip" 2>/dev/null; then PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip uninstall -qy setuptools wheel pip; fi
RUN echo "spanloop:x:10001:10001::/var/lib/spanloop:/usr/sbin/nologin" >> /etc/passwd \
    && echo "spanloop:x:10001:" >> /etc/group \
    && install -d -m 700 -o 10001 -g 10001 /var/lib/spanloop
COPY --from=environment /opt/venv /opt/venv
COPY --from=code /starter /app/starter
COPY --from=code /app /app
# As the chart has it. HOME: libraries keep their caches where there is room.
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
ARG VERSION=dev
LABEL org.opencontainers.image.title="Spanloop" \
      org.opencontainers.image.description="Closes the loop between people who label text in Label Studio and the GLiNER model that helps them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
