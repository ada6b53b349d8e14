"""How many one-row requests a second `diabolo serve` answers, beside the usual way of serving the same model.

    python bench/serve_load.py [--seconds 10] [--rounds 2] [--bento PYTHON]

The client is wrk (a package of Debian). All serve the same model file and are asked for the same row, in turns: with
reasons `diabolo serve`; the others through `score_samples` of the loaded estimator, without reasons, as their own
examples do: MLflow's scoring server for a `PythonModel`, and with --bento (a Python that has bentoml and diabolo) a
BentoML service. CPU: of the server, for one request; it tells more than the rate where other work fills the machine,
whose idle share is given. Memory: before and after.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from one_row_speed import tables, train

SOURCE = str(Path(__file__).parent.parent / "src")
MLFLOW = """
import sys, mlflow, pandas, warnings
warnings.filterwarnings("ignore")
class Model(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        from diabolo import load
        self.model = load(context.artifacts["model"])
    def predict(self, context, model_input, params=None):
        return self.model.score_samples(model_input).tolist()
mlflow.pyfunc.save_model("mlflow_model", python_model=Model(), artifacts={"model": sys.argv[1]})
"""
MLFLOW_SERVER = """
import sys, mlflow.pyfunc, uvicorn
from mlflow.pyfunc.scoring_server import init
uvicorn.run(init(mlflow.pyfunc.load_model("mlflow_model")), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""
BENTO = """
import bentoml, pandas
@bentoml.service(workers=1)
class Shop:
    def __init__(self):
        from diabolo import load
        self.model = load("numbers.safetensors")
    @bentoml.api
    def score(self, rows: list[dict]) -> list[float]:
        return self.model.score_samples(pandas.DataFrame(rows)).tolist()
"""
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
"""
REPORT = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m)")


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], folder: Path, port: int, ready: str) -> Iterator[int]:
    """Run a server until the block ends; yield its process number once it answers."""
    environment = {**os.environ, "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "True"}
    silent = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=environment, **silent) as process:  # type: ignore[call-overload]
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1):
                    break
                time.sleep(0.1)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def milliseconds(text: str) -> float:
    found = REPORT.match(text)
    assert found is not None
    return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[found[2]]


def memory(process: int) -> float:
    """Return the megabytes of a process and those that it started."""
    own = psutil.Process(process)
    return sum(each.memory_info().rss for each in [own, *own.children(recursive=True)]) / 1e6


def worked(process: int) -> float:
    """Return the seconds of processor time of a process and those that it started."""
    own = psutil.Process(process)
    times = [each.cpu_times() for each in [own, *own.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def loaded(url: str, body: str, folder: Path, seconds: int) -> tuple[float, float, int]:
    """Return requests a second, the 99th percentile of their milliseconds, and how many failed."""
    (folder / "post.lua").write_text(SCRIPT.format(body=body))
    command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "--latency", "-s", "post.lua", url]
    text = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    late = re.search(r"99%\s+(\S+)", text)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    assert rate is not None
    assert late is not None
    broken = sum(map(int, errors.groups())) if errors else 0
    return float(rate[1]), milliseconds(late[1]), (int(failed[1]) if failed else 0) + broken


def contestants(folder: Path, bento: str | None) -> dict[str, tuple[list[str], int, str, str, str]]:
    """Return for each its command, port, path that tells that it is ready, path and body of a request."""
    import polars as pl

    row = pl.read_csv(folder / "numbers.csv").row(0, named=True)
    ports = [free_port() for _ in range(3)]
    python = sys.executable
    own = [python, "-m", "diabolo", "serve", "numbers.safetensors", "--port", str(ports[0])]
    found = {"diabolo serve, with reasons": (own, ports[0], "/ready", "/score", json.dumps({"rows": [row]}))}
    save, path = [python, "-c", MLFLOW, "numbers.safetensors"], {**os.environ, "PYTHONPATH": SOURCE}
    subprocess.run(save, cwd=folder, check=True, capture_output=True, env=path)
    frame = json.dumps({"dataframe_records": [row]})
    found["MLflow"] = ([python, "-c", MLFLOW_SERVER, str(ports[1])], ports[1], "/ping", "/invocations", frame)
    if bento:
        (folder / "service.py").write_text(BENTO)
        command = [bento, "-m", "bentoml", "serve", "service:Shop", "--port", str(ports[2])]
        found["BentoML"] = (command, ports[2], "/readyz", "/score", json.dumps({"rows": [row]}))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bento")
    asked = parser.parse_args()
    print("| server, one process | requests a second | p99 (ms) | CPU (ms) | failed | memory (MB) | idle |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tables(folder)
        train(folder, "numbers", SOURCE)
        every = contestants(folder, asked.bento)
        for _ in range(asked.rounds):
            for name, (command, port, ready, path, body) in every.items():
                with running(command, folder, port, ready) as process:
                    loaded(f"http://127.0.0.1:{port}{path}", body, folder, 2)
                    before, start, _ = memory(process), worked(process), psutil.cpu_times_percent(None)
                    rate, late, failed = loaded(f"http://127.0.0.1:{port}{path}", body, folder, asked.seconds)
                    cost = (worked(process) - start) / max(1.0, rate * asked.seconds) * 1e3
                    idle, after = psutil.cpu_times_percent(None).idle, memory(process)
                    figures = f"{rate:.0f} | {late:.0f} | {cost:.2f} | {failed} | {before:.0f}, {after:.0f}"
                    print(f"| {name} | {figures} | {idle:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
