# A service of trained models, without torch:
#     docker build -t diabolo-serve .
#     docker run --rm -p 127.0.0.1:8000:8000 -e DIABOLO_TOKEN=... -v "$PWD/models:/models:ro" diabolo-serve /models/shop.safetensors
FROM python:3.13-slim AS build
WORKDIR /source
COPY src src
COPY runtime runtime
COPY constraints.txt .
RUN python -m venv /environment \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /wheels ./runtime \
    && /environment/bin/pip install --no-cache-dir -c constraints.txt "$(ls /wheels/*.whl)[serve]" \
    && /environment/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --no-create-home diabolo
COPY --from=build /environment /environment
USER diabolo
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s CMD ["/environment/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=2)"]
ENTRYPOINT ["/environment/bin/diabolo", "serve", "--host", "0.0.0.0"]
