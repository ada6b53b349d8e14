"""The lecture's autoencoders in Keras, exactly as in the lecture; one JSON line per epoch.

    .venv-keras/bin/python bench/keras_lecture.py dense mnist.npz --figure 0.0925 --epochs 50

mnist.npz holds `train` and `test`, uint8 (n, 28, 28). The first line gives the versions, each further one
{"seconds", "bce"}: the training time of one epoch without its evaluation, and the test cross-entropy in nats per pixel.
With --paced an epoch waits for a line on standard input. Stops at the figure. bench/train_speed.py runs it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.callbacks import Callback
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

INPUT_DIM, ENCODING_DIM, BATCH_SIZE = 28 * 28, 32, 128


def dense() -> Model:
    """The lecture's first: three models, autoencoder = decoder(encoder(x))."""
    encoder_input = Input(shape=(INPUT_DIM,), name="encoder_input")
    code = Dense(ENCODING_DIM, activation="relu", name="latent_vector")(encoder_input)
    encoder = Model(encoder_input, code, name="encoder")
    latent_input = Input(shape=(ENCODING_DIM,), name="decoder_input")
    decoded_image = Dense(INPUT_DIM, activation="sigmoid", name="decoder_output")(latent_input)
    decoder = Model(latent_input, decoded_image, name="decoder")
    return Model(encoder_input, decoder(encoder(encoder_input)), name="autoencoder")


def deep() -> Model:
    """The lecture's deep one: 784-128-64-32-64-128-784."""
    input_img = layers.Input(shape=(784,))
    encoded = layers.Dense(128, activation="relu")(input_img)
    encoded = layers.Dense(64, activation="relu")(encoded)
    encoded = layers.Dense(32, activation="relu")(encoded)
    decoded = layers.Dense(64, activation="relu")(encoded)
    decoded = layers.Dense(128, activation="relu")(decoded)
    decoded = layers.Dense(784, activation="sigmoid")(decoded)
    return Model(input_img, decoded)


MODELS = {"dense": dense, "deep": deep}


class Clock(Callback):
    """Times each epoch, and evaluates with the clock stopped."""

    def __init__(self, x_test: np.ndarray, figure: float, *, paced: bool) -> None:
        super().__init__()
        self.x_test, self.figure, self.paced = x_test, figure, paced

    def start(self) -> None:
        if self.paced and not sys.stdin.readline():
            raise SystemExit
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        del epoch, logs
        seconds = time.perf_counter() - self.started
        bce = self.cross_entropy()
        tell(seconds=seconds, bce=bce)
        if bce <= self.figure:
            self.model.stop_training = True
        else:
            self.start()

    def cross_entropy(self) -> float:
        """Return the test cross-entropy in nats per pixel, predictions kept 1e-7 from 0 and 1 as Keras does."""
        total = 0.0
        for x in np.array_split(self.x_test, 10):
            p = np.clip(self.model(x, training=False).numpy().astype(np.float64), 1e-7, 1 - 1e-7)
            total -= float((x * np.log(p) + (1 - x) * np.log1p(-p)).sum())
        return total / self.x_test.size


def tell(**values: object) -> None:
    print(json.dumps(values), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--figure", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--paced", action="store_true")
    given = parser.parse_args()
    with np.load(given.data) as data:
        x_train, x_test = data["train"], data["test"]
    x_train = np.reshape(x_train, [-1, INPUT_DIM]) / 255.0
    x_test = np.reshape(x_test, [-1, INPUT_DIM]) / 255.0
    autoencoder = MODELS[given.model]()
    autoencoder.compile(loss="binary_crossentropy", optimizer="adam")
    tell(tensorflow=tf.__version__, keras=tf.keras.__version__)
    clock = Clock(x_test, given.figure, paced=given.paced)
    clock.start()
    autoencoder.fit(x_train, x_train, epochs=given.epochs, batch_size=BATCH_SIZE, verbose=0, callbacks=[clock])


if __name__ == "__main__":
    main()
