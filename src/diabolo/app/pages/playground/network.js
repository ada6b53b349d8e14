"use strict";
// The mathematics: a fully connected autoencoder, its loss in nats per digit, and the gradient of that loss.

// Each activation: its value, and its slope where the input is z and the value is y.
const ACTIVATIONS = {
  linear: { value: (z) => z, slope: () => 1 },
  relu: { value: (z) => (z > 0 ? z : 0), slope: (z) => (z > 0 ? 1 : 0) },
  tanh: { value: Math.tanh, slope: (z, y) => 1 - y * y },
  sigmoid: { value: (z) => 1 / (1 + Math.exp(-z)), slope: (z, y) => y * (1 - y) },
  silu: {
    value: (z) => z / (1 + Math.exp(-z)),
    slope: (z, y) => { const s = 1 / (1 + Math.exp(-z)); return s + y * (1 - s); },
  },
};

// Each likelihood: the mean of p(x | code) for an output z; and `compare`, which sets slope to share * (mean - x) and returns
// the sums of -log p(x | code) and of the squared error.
const LIKELIHOODS = {
  bernoulli: {
    mean: ACTIVATIONS.sigmoid.value,
    compare: (z, x, slope, share, kernels) => kernels.entropy(z, x, slope, share),
  },
  // A normal distribution of spread 1, without its constant.
  gaussian: {
    mean: (z) => z,
    compare: (z, x, slope, share) => {
      let squared = 0;
      for (let i = 0; i < z.length; i++) {
        const error = z[i] - x[i];
        squared += error * error;
        slope[i] = share * error;
      }
      return { distortion: squared / 2, squared };
    },
  },
};

const LOG_VARIANCE_LIMIT = 20;

class Network {
  // model: { inputs, widths, latent, hidden, code, likelihood, variational, beta, sparsity, amount }.
  // sparsity "l1": amount is the weight of the code's absolute values; "top": the number of code values kept.
  constructor(model, program = null, samples = 256) {
    this.model = model;
    const { inputs, widths, latent, hidden, code, variational } = model;
    const down = [inputs, ...widths], up = [latent, ...[...widths].reverse(), inputs];
    let at = 0;
    const layer = (from, to, activation) => {
      const made = { inputs: from, outputs: to, activation, weights: at, bias: at + 4 * Math.ceil((from * to) / 4) };
      at = made.bias + 4 * Math.ceil(to / 4);
      return made;
    };
    this.encoder = down.slice(1).map((to, i) => layer(down[i], to, hidden));
    this.encoder.push(layer(down.at(-1), (variational ? 2 : 1) * latent, variational ? "linear" : code));
    this.decoder = up.slice(1).map((to, i) => layer(up[i], to, i < up.length - 2 ? hidden : "linear"));
    const width = this.layers.reduce((sum, { inputs, outputs }) => sum + inputs + 2 * outputs, 0);
    this.kernels = new Kernels(program, 5 * at + 4 * samples * (width + 4 * latent + 2 * inputs));
    this.buffers = new Map();
    this.parameters = this.kernels.floats(at);
    this.slopes = this.kernels.floats(at);
    for (const layer of this.layers) {
      layer.w = this.parameters.subarray(layer.weights, layer.weights + layer.inputs * layer.outputs);
      layer.b = this.parameters.subarray(layer.bias, layer.bias + layer.outputs);
      layer.dw = this.slopes.subarray(layer.weights, layer.weights + layer.inputs * layer.outputs);
      layer.db = this.slopes.subarray(layer.bias, layer.bias + layer.outputs);
    }
  }

  get layers() { return [...this.encoder, ...this.decoder]; }

  // Uniform within +-sqrt(6 / (inputs + outputs)), biases 0 (Glorot and Bengio 2010, eq. 16).
  start(random) {
    for (const layer of this.layers) {
      const bound = Math.sqrt(6 / (layer.inputs + layer.outputs));
      for (let i = 0; i < layer.w.length; i++) layer.w[i] = bound * (2 * random.uniform() - 1);
      layer.b.fill(0);
    }
  }

  // Return numbers to write to, kept under a name until the next call with it.
  buffer(name, length) {
    const held = this.buffers.get(name);
    if (held && held.length >= length) return held.subarray(0, length);
    const made = this.kernels.floats(length);
    this.buffers.set(name, made);
    return made;
  }

  // Return numbers where the kernels see them.
  inside(x, name) {
    const held = this.buffer(name, x.length);
    held.set(x);
    return held;
  }

  // Return [{ z, y }] of each layer for n samples x.
  through(layers, x, n, name) {
    return layers.map((layer, number) => {
      const z = this.buffer(`${name}${number}z`, n * layer.outputs);
      for (let s = 0; s < n; s++) z.set(layer.b, s * layer.outputs);
      this.kernels.multiply(x, layer.inputs, layer.w, layer.outputs, z, n);
      if (layer.activation === "linear") return { z, y: (x = z) };
      const y = this.buffer(`${name}${number}y`, z.length), { value } = ACTIVATIONS[layer.activation];
      for (let i = 0; i < z.length; i++) y[i] = value(z[i]);
      return { z, y: (x = y) };
    });
  }

  // Return the code (n, latent) of the encoder's output: the mean of a variational one; the largest values of "top".
  // noise: (n, latent) standard normal numbers, for the code that a variational model draws in training.
  codeOf(latent, n, noise, name) {
    const { latent: k, variational, sparsity, amount } = this.model;
    const code = this.buffer(`${name}code`, n * k);
    if (!variational) {
      code.set(latent);
      if (sparsity === "top") for (let s = 0; s < n; s++) keepLargest(code.subarray(s * k, (s + 1) * k), amount);
      return code;
    }
    for (let s = 0; s < n; s++) {
      for (let i = 0; i < k; i++) {
        const mean = latent[2 * s * k + i], at = s * k + i;
        code[at] = noise ? mean + noise[at] * Math.exp(limited(latent[(2 * s + 1) * k + i]) / 2) : mean;
      }
    }
    return code;
  }

  // Return what each layer gives for n samples x, the code, and the means (n, inputs) of p(x | code).
  look(x, n) {
    x = this.inside(x, "shown");
    const encoded = this.through(this.encoder, x, n, "look");
    const code = this.codeOf(encoded.at(-1).y, n, null, "look");
    const decoded = this.through(this.decoder, code, n, "show");
    return { encoded, code, decoded, means: decoded.at(-1).z.map(LIKELIHOODS[this.model.likelihood].mean) };
  }
  encode(x, n) {
    const encoded = this.through(this.encoder, this.inside(x, "shown"), n, "look");
    return this.codeOf(encoded.at(-1).y, n, null, "look").slice();
  }
  decode(code, n) {
    const decoded = this.through(this.decoder, this.inside(code, "given"), n, "show");
    return decoded.at(-1).z.map(LIKELIHOODS[this.model.likelihood].mean);
  }

  // Return the average loss over n samples: { distortion, rate, penalty, loss } in nats per sample, and squared error.
  // x: what the encoder sees. target: what the decoder is to give. With `learning`, this.slopes gets the gradient.
  measure(x, target, n, noise = null, learning = false) {
    const { likelihood, beta, variational, sparsity, amount } = this.model;
    x = this.inside(x, "input");
    const down = this.through(this.encoder, x, n, "down"), latent = down.at(-1).y;
    const code = this.codeOf(latent, n, noise, "down"), up = this.through(this.decoder, code, n, "up");
    const slope = this.buffer("slope", n * this.model.inputs);
    const { compare } = LIKELIHOODS[likelihood], held = this.inside(target, "target");
    const found = { ...compare(up.at(-1).z, held, slope, 1 / n, this.kernels), rate: 0, penalty: 0 };
    if (variational) found.rate = rate(latent, n, this.model.latent);
    if (sparsity === "l1") for (let i = 0; i < code.length; i++) found.penalty += amount * Math.abs(code[i]);
    for (const name of Object.keys(found)) found[name] /= n;
    found.loss = found.distortion + beta * found.rate + found.penalty;
    if (learning) {
      this.slopes.fill(0);
      const back = this.backward(this.decoder, up, code, slope, n, true);
      this.backward(this.encoder, down, x, this.codeBackward(back, latent, code, noise, n), n, false);
    }
    return found;
  }

  // Return the slope of the loss at the encoder's output, from that at the code.
  codeBackward(back, latent, code, noise, n) {
    const { latent: k, variational, beta, sparsity, amount } = this.model;
    if (sparsity === "l1") for (let i = 0; i < code.length; i++) back[i] += (amount / n) * Math.sign(code[i]);
    if (sparsity === "top" && !variational) for (let i = 0; i < code.length; i++) if (code[i] === 0) back[i] = 0;
    if (!variational) return back;
    const slope = this.buffer("latentSlope", latent.length);
    for (let s = 0; s < n; s++) {
      for (let i = 0; i < k; i++) {
        const at = s * k + i, m = 2 * s * k + i, v = m + k, inside = Math.abs(latent[v]) <= LOG_VARIANCE_LIMIT;
        const log = limited(latent[v]), drawn = noise ? (back[at] * noise[at] * Math.exp(log / 2)) / 2 : 0;
        slope[m] = back[at] + (beta / n) * latent[m];
        slope[v] = inside ? drawn + ((beta / n) * (Math.exp(log) - 1)) / 2 : 0;
      }
    }
    return slope;
  }

  // Add to the layers' slopes from that at the last one's output; return that at the first one's input if `asked`.
  backward(layers, seen, x, slope, n, asked) {
    for (let number = layers.length - 1; number >= 0; number--) {
      const layer = layers[number], { z, y } = seen[number], below = number ? seen[number - 1].y : x;
      if (layer.activation !== "linear") {
        const { slope: own } = ACTIVATIONS[layer.activation];
        for (let i = 0; i < slope.length; i++) slope[i] *= own(z[i], y[i]);
      }
      for (let s = 0; s < n; s++) for (let j = 0; j < layer.outputs; j++) layer.db[j] += slope[s * layer.outputs + j];
      this.kernels.multiplyOuter(below, layer.inputs, slope, layer.outputs, layer.dw, n);
      if (!number && !asked) return null;
      const back = this.buffer(`back${layers === this.decoder}${number}`, n * layer.inputs);
      this.kernels.multiplyBack(slope, layer.outputs, layer.w, layer.inputs, back, n);
      slope = back;
    }
    return slope;
  }
}

function limited(log) { return Math.min(LOG_VARIANCE_LIMIT, Math.max(-LOG_VARIANCE_LIMIT, log)); }

// The divergence of q(code | x) from the standard normal, summed (Kingma and Welling 2014, appendix B).
function rate(latent, n, k) {
  let sum = 0;
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < k; i++) {
      const mean = latent[2 * s * k + i], log = limited(latent[(2 * s + 1) * k + i]);
      sum += (mean * mean + Math.exp(log) - 1 - log) / 2;
    }
  }
  return sum;
}

// Set all but the largest `count` values to 0 (Makhzani and Frey 2013, arXiv:1312.5663); of equal ones the first stay.
function keepLargest(code, count) {
  if (count >= code.length) return;
  const least = code.slice().sort()[code.length - count];
  let left = count;
  for (const value of code) if (value > least) left -= 1;
  for (let i = 0; i < code.length; i++) if (code[i] < least || (code[i] === least && left-- <= 0)) code[i] = 0;
}
