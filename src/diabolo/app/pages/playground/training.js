"use strict";
// Training: batches, optimizers, and the record of the loss.

const OPTIMIZERS = {
  // Kingma and Ba 2015, algorithm 1.
  adam: ({ kernels, parameters, slopes }) => {
    const first = kernels.floats(parameters.length), second = kernels.floats(parameters.length);
    let steps = 0;
    return (rate) => {
      steps += 1;
      kernels.adam(parameters, slopes, first, second, rate / (1 - 0.9 ** steps), 1 / (1 - 0.999 ** steps));
    };
  },
  // Stochastic gradient descent with momentum 0.9.
  sgd: ({ kernels, parameters, slopes }) => {
    const speed = kernels.floats(parameters.length);
    return (rate) => {
      for (let i = 0; i < parameters.length; i++) {
        speed[i] = 0.9 * speed[i] + slopes[i];
        parameters[i] -= rate * speed[i];
      }
    };
  },
};

const MEASURED = 128, EVERY = 10;

class Trainer {
  // data: { pixels, train, held, size }: the training digits first, then those held out.
  // recipe: { corruption, noise, optimizer, rate, batch, seed }.
  constructor(data, model, recipe, parameters = null, program = null) {
    this.data = data;
    this.recipe = recipe;
    this.network = new Network(model, program);
    this.random = new Random(recipe.seed * 2654435761 + 1);
    if (parameters) this.network.parameters.set(parameters);
    else this.network.start(this.random);
    this.optimize = OPTIMIZERS[recipe.optimizer](this.network);
    this.order = Int32Array.from({ length: data.train }, (_, i) => i);
    this.at = this.order.length;
    this.steps = 0;
    this.seen = 0;
    this.sum = 0;
    this.counted = 0;
    this.held = heldOut(data, recipe);
    this.records = [];
  }

  // One batch: the gradient, and the optimizer's step. Every tenth step the loss is recorded.
  step() {
    const { size } = this.data, { recipe, network, random } = this, n = this.batch;
    if (this.at + n > this.order.length) { random.shuffle(this.order); this.at = 0; }
    const target = new Float32Array(n * size);
    for (let s = 0; s < n; s++) target.set(digit(this.data, this.order[this.at + s]), s * size);
    this.at += n;
    let x = target;
    if (recipe.corruption !== "none") CORRUPTIONS[recipe.corruption]((x = target.slice()), recipe.noise, random);
    const noise = network.model.variational ? random.fillNormal(new Float32Array(n * network.model.latent)) : null;
    const found = network.measure(x, target, n, noise, true);
    this.optimize(recipe.rate);
    this.steps += 1;
    this.seen += n;
    this.sum += found.loss;
    this.counted += 1;
    if (this.steps % EVERY === 0 || this.steps <= 5) this.record();
  }

  record() {
    const found = this.network.measure(this.held.x, this.held.target, this.held.n);
    this.records.push({ step: this.steps, train: this.sum / this.counted, ...found });
    this.sum = this.counted = 0;
  }

  get batch() { return Math.min(this.recipe.batch, this.data.train); }
}

function digit(data, number) { return data.pixels.subarray(number * data.size, (number + 1) * data.size); }

// The digits held out that the loss is measured on, with noise that stays the same.
function heldOut(data, recipe) {
  const n = Math.min(MEASURED, data.held), from = data.train * data.size;
  const target = data.pixels.slice(from, from + n * data.size), x = target.slice();
  CORRUPTIONS[recipe.corruption](x, recipe.noise, new Random(recipe.seed + 77));
  return { x, target, n };
}

// Train while told to; post the parameters as often as the page has drawn the last ones.
// port: where orders come from, a worker's own `self` or a MessagePort.
function work(port) {
  const channel = new MessageChannel(), SHORTEST = 15;
  let data = null, program = null, trainer = null, running = false, until = Infinity, drawn = true, posted = 0, sent = 0, run = 0;
  const post = (stopped) => {
    const parameters = trainer.network.parameters.slice(), records = trainer.records.slice(sent);
    sent = trainer.records.length;
    drawn = false;
    posted = performance.now();
    const { steps } = trainer, epoch = trainer.seen / data.train;
    port.postMessage({ run, parameters, records, steps, epoch, stopped }, [parameters.buffer]);
  };
  channel.port1.onmessage = () => {
    if (!running) return;
    trainer.step();
    if (trainer.steps >= until) { running = false; until = Infinity; }
    if (!running || (drawn && performance.now() - posted > SHORTEST)) post(!running);
    if (running) channel.port2.postMessage(0);
  };
  const orders = {
    data: (order) => { data = order.data; program = compiled(order.kernels); },
    start: (order) => {
      ({ run } = order);
      running = false;
      sent = 0;
      drawn = true;
      trainer = new Trainer(data, order.model, order.recipe, order.parameters, program);
      post(false);
    },
    // What may change while it trains: the network keeps its weights.
    change: (order) => {
      Object.assign(trainer.network.model, order.model);
      Object.assign(trainer.recipe, order.recipe);
      trainer.held = heldOut(data, trainer.recipe);
    },
    go: (order) => {
      until = order.until ?? Infinity;
      if (trainer.steps >= until) { post(true); return; }
      if (!running) { running = true; channel.port2.postMessage(0); }
    },
    pause: () => { running = false; post(true); },
    drawn: () => { drawn = true; },
    pca: ({ count }) => port.postMessage({ pca: principal(data.pixels, data.train, data.size, count) }),
  };
  port.onmessage = ({ data: order }) => orders[order.order](order);
}
