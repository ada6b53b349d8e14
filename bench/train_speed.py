"""How fast diabolo trains, beside Keras and plain PyTorch: the time to the lecture's figures on MNIST.

    python bench/train_speed.py --setup                   makes .venv-keras and installs TensorFlow for the CPU in it
    python bench/train_speed.py --out docs/speed.md       everything (10 minutes on two cores)
    python bench/train_speed.py --networks dense ...      only that network's section
    python bench/train_speed.py --skip-keras              without Keras
    python bench/train_speed.py --lecture                 only the lecture's recipe, here and in plain PyTorch
    python bench/train_speed.py --optimizer               only the parts of a step, beside torch's own
    python bench/train_speed.py --compile                 only what torch.compile gains

MNIST is found as diabolo finds it (DIABOLO_DATA). The peers take turns, an epoch each, and diabolo's whole `fit`
comes every few turns, so that a noisy machine is noisy for all; a turn begins when the cores are idle.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from contestants import FIGURES, KERAS, MOST_EPOCHS, SEEDS, Data, Fits, Keras, Lecture, Peer
from diabolo import open_data
from step_speed import compiled_rows
from step_speed import rows as step_rows
from torch_lecture import PlainTorch

MOST_OWN_EPOCHS, OURS_EVERY, DEFAULT_EVERY = 12, 4, 12
STAT, QUIET = Path("/proc/stat"), 0.9
BARS = {"dense": 30, "deep": 8}
HEADS = ("", "epochs", "test BCE", "seconds to figure", "µs per example and epoch", "seconds / diabolo's")
METHOD = """\
Time to the lecture's figure on MNIST's test set (nats per pixel). diabolo: the whole of `fit` on uint8 images, with
shuffling, preprocessing and held-out evaluation; median (least to most) over seeds 0, 1, 2, and the worst BCE. Its
epochs are the fewest whose schedule ends at the figure for all three seeds. Peers: training time until the first epoch
at the figure, one run each, preprocessing and evaluation left out; the first epoch as it was, the others at their
median. Per example and epoch: medians; diabolo's is all of `fit` over the images that it does not hold out (95 %)."""
Table = list[tuple[str, ...]]


def idle_share(seconds: float = 1.0) -> float:
    """Return the share of all cores' time that nobody used in the coming seconds (Linux; elsewhere 1)."""
    if not STAT.exists():
        return 1.0
    before = [int(number) for number in STAT.read_text().splitlines()[0].split()[1:]]
    time.sleep(seconds)
    after = [int(number) for number in STAT.read_text().splitlines()[0].split()[1:]]
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return (spent[3] + spent[4]) / sum(spent)


def await_quiet() -> None:
    """Wait until the cores are left alone, a minute at most."""
    for _ in range(60):
        if idle_share() > QUIET:
            return


def fewest_epochs(preset: str, data: Data) -> int:
    """Return the smallest number of epochs whose schedule ends at the figure on the test set, for every seed."""
    for epochs in range(1, MOST_OWN_EPOCHS + 1):
        fits = Fits(preset, {"epochs": epochs})
        while len(fits.bce) < len(SEEDS) and max(fits.bce, default=0.0) <= FIGURES[preset]:
            fits.run(data)
        print(f"{preset}: {epochs} epochs end at {max(fits.bce):.4f}", flush=True)
        if max(fits.bce) <= FIGURES[preset]:
            return epochs
    raise SystemExit(f"{preset}: {FIGURES[preset]} is not reached in {MOST_OWN_EPOCHS} epochs.")


@dataclass
class Race:
    """One network: diabolo, its default, its lecture recipe, and the peers."""

    preset: str
    epochs: int
    ours: Fits
    default: Fits
    lecture: Lecture
    peers: list[Peer]

    def run(self, data: Data) -> None:
        turn = 0
        while not all(peer.done for peer in self.peers):
            await_quiet()
            self._own(turn, data)
            for peer in self.peers:
                if not peer.done:
                    peer.epochs.append(peer.trainer.epoch())
            print(f"{self.preset} turn {turn}:", *(f"{p.name} {p.epochs[-1]}" for p in self.peers), flush=True)
            turn += 1
        self._own(0, data)

    def _own(self, turn: int, data: Data) -> None:
        if turn % OURS_EVERY == 0:
            self.ours.run(data)
            self.lecture.run(data)
        if turn % DEFAULT_EVERY == 0:
            self.default.run(data)

    def rows(self) -> Table:
        ours = statistics.median(self.ours.seconds)
        reaches = max(self.default.bce) <= FIGURES[self.preset]
        return [
            HEADS,
            self.ours.row("**diabolo, default recipe, `epochs` as few as reach the figure**", self.epochs, ours),
            self.default.row("diabolo, default recipe unchanged", 6, ours, reaches=reaches),
            *(peer.row(ours) for peer in self.peers),
            self.lecture.row(),
        ]

    def verdicts(self) -> list[str]:
        """Return a sentence for each bar: met or missed, by how much."""
        ours, each = statistics.median(self.ours.seconds), statistics.median(self.ours.per_example)
        found = []
        for peer in self.peers:
            if isinstance(peer.trainer, Keras):
                found.append(
                    _verdict(self.preset, "Keras' seconds / diabolo's", peer.seconds / ours, BARS[self.preset])
                )
            else:
                found.append(_verdict(self.preset, "PyTorch's µs per example / diabolo's", peer.per_example / each, 1))
        return found


def _verdict(preset: str, what: str, ratio: float, bar: float) -> str:
    return f"- {preset}: {what} = {ratio:.2f}; the bar is {bar}: {'met' if ratio >= bar else 'MISSED'}."


def prepare(preset: str, data: Data, keras: Path | None) -> Race:
    """Return the race of one network; Keras takes part if there is a file of its data."""
    epochs = fewest_epochs(preset, data)
    figure, most = FIGURES[preset], MOST_EPOCHS[preset]
    peers = [Peer("plain PyTorch, the lecture's recipe", PlainTorch(preset, data.train, data.test), figure, most)]
    if keras is not None:
        peers.insert(0, Peer("Keras, the lecture's recipe", Keras(preset, keras), figure, most))
    return Race(preset, epochs, Fits(preset, {"epochs": epochs}), Fits(preset, {}), Lecture(preset), peers)


def lecture_only(data: Data, turns: int = 5) -> Table:
    """Return the table of the lecture's recipe, here and in plain PyTorch, an epoch each in turn."""
    table: Table = [("µs per example and epoch", "dense", "deep"), ("diabolo, the lecture's recipe",)]
    table.append(("plain PyTorch, the lecture's recipe",))
    for preset in FIGURES:
        own, peer = Lecture(preset), Peer("", PlainTorch(preset, data.train, data.test), 0, turns)
        for _ in range(turns):
            own.run(data)
            peer.epochs.append(peer.trainer.epoch())
        table[1] += (own.row()[4],)
        table[2] += (f"{peer.per_example:.1f}",)
    return table


def load() -> Data:
    mnist = open_data("mnist")
    if mnist.test is None:
        raise SystemExit("MNIST without its test set.")
    return Data(*(source.take(np.arange(len(source))) for source in (mnist.train, mnist.test)))


def setup() -> None:
    """Make .venv-keras with the newest TensorFlow for the CPU."""
    subprocess.run([sys.executable, "-m", "venv", str(KERAS.parents[1])], check=True)
    subprocess.run([str(KERAS), "-m", "pip", "install", "tensorflow-cpu"], check=True)


def markdown(table: Table) -> str:
    head, *body = table
    lines = [head, ("---",) * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def machine(versions: dict[str, str], load_before: float) -> str:
    named = {"torch": torch.__version__, **versions}
    listed = ", ".join(f"{name} {version}" for name, version in named.items())
    return f"{os.cpu_count()} cores ({processor()}), {listed}; load when it started {load_before:.2f}."


def section(race: Race, machine_line: str, command: str) -> str:
    """Return what docs/speed.md says of one network."""
    parts = [f"## {race.preset}: {FIGURES[race.preset]}", markdown(race.rows()), "\n".join(race.verdicts())]
    parts.append(f"Machine: {machine_line} Written by `{command}`; the peers and diabolo took turns in one run.")
    return "\n\n".join(parts) + "\n"


def rewritten(page: str, text: str) -> str:
    """Return the page with a section in place of the one with the same heading; a new one comes last."""
    old, body = page.split("\n## "), text.removeprefix("## ")
    place = next((i for i, one in enumerate(old) if one.split(":")[0] == body.split(":")[0]), len(old))
    return "\n## ".join([*old[:place], body, *old[place + 1 :]])


def race_all(given: argparse.Namespace) -> None:
    """Print, and write where asked, what each network's race finds, as soon as it ends."""
    data = load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mnist.npz"
        np.savez(file, train=data.train, test=data.test)
        for preset in given.networks:
            before, versions = os.getloadavg()[0], dict[str, str]()
            race = prepare(preset, data, None if given.skip_keras else file)
            race.run(data)
            for peer in race.peers:
                if isinstance(peer.trainer, Keras):
                    versions |= peer.trainer.versions
                    peer.trainer.close()
            text = section(race, machine(versions, before), " ".join(["python", *sys.argv]))
            print(text, flush=True)
            if given.out:
                page = given.out.read_text() if given.out.exists() else f"# Speed of training\n\n{METHOD}\n"
                given.out.write_text(rewritten(page, text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--setup", "--skip-keras", "--lecture", "--optimizer", "--compile"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--networks", nargs="+", choices=FIGURES, default=list(FIGURES))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.setup:
        return setup()
    if given.lecture:
        return print(markdown(lecture_only(load())))
    if given.optimizer or given.compile:
        return print(markdown(step_rows() if given.optimizer else compiled_rows()))
    return race_all(given)


if __name__ == "__main__":
    main()
