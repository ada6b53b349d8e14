"use strict";
// A trained network of any layers, forward only: it is looked at, not trained. Maps are channels, rows, columns.

const OPERATIONS = {
  linear: (x, { weights, bias, outputs }) => ({
    y: Float32Array.from(bias, (b, j) => b + dot(x.y, 0, weights, j * x.y.length, x.y.length)), shape: [outputs, 1, 1],
  }),
  activation: ({ y, shape }, { name }) => ({ y: y.map(ACTIVATIONS[name].value), shape }),
  convolution: (x, layer) => convolve(x, layer),
  // 2x2 maxima; at an odd edge, of the values that are there.
  pool: ({ y, shape: [channels, height, width] }) => {
    const high = Math.ceil(height / 2), wide = Math.ceil(width / 2);
    const found = new Float32Array(channels * high * wide).fill(-Infinity);
    for (let i = 0; i < y.length; i++) {
      const column = i % width, row = Math.floor(i / width) % height, channel = Math.floor(i / (width * height));
      const at = (channel * high + (row >> 1)) * wide + (column >> 1);
      found[at] = Math.max(found[at], y[i]);
    }
    return { y: found, shape: [channels, high, wide] };
  },
  enlarge: ({ y, shape: [channels, height, width] }) => {
    const found = new Float32Array(4 * y.length);
    for (let i = 0; i < found.length; i++) {
      const column = i % (2 * width), row = Math.floor(i / (2 * width));
      found[i] = y[(row >> 1) * width + (column >> 1)];
    }
    return { y: found, shape: [channels, 2 * height, 2 * width] };
  },
  flatten: ({ y }) => ({ y, shape: [y.length, 1, 1] }),
  map: ({ y }, { shape }) => ({ y, shape }),
  picture: ({ y, shape }) => ({ y, shape }),
  cut: ({ y, shape: [, , width] }, { shape: [high, wide] }) => ({
    y: Float32Array.from({ length: high * wide }, (_, i) => y[Math.floor(i / wide) * width + (i % wide)]),
    shape: [1, high, wide],
  }),
};

// A 3x3 convolution of stride 1.
function convolve({ y, shape: [channels, height, width] }, { outputs, weights, bias, padding: [above, before] }) {
  const high = height - 2 + 2 * above, wide = width - 2 + 2 * before, found = new Float32Array(outputs * high * wide);
  for (let o = 0, at = 0; o < outputs; o++) {
    for (let row = 0; row < high; row++) {
      for (let column = 0; column < wide; column++, at++) {
        let sum = bias[o];
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < 3; i++) {
            const r = row + i - above;
            if (r < 0 || r >= height) continue;
            for (let j = 0; j < 3; j++) {
              const k = column + j - before;
              if (k >= 0 && k < width) sum += weights[((o * channels + c) * 3 + i) * 3 + j] * y[(c * height + r) * width + k];
            }
          }
        }
        found[at] = sum;
      }
    }
  }
  return { y: found, shape: [outputs, high, wide] };
}

// The same questions as a Network answers.
class Program {
  constructor({ encoder, decoder }, model, shape) {
    this.model = model;
    this.shape = [1, ...shape];
    const read = (layer) => (layer.weights ? { ...layer, weights: halves(layer.weights), bias: halves(layer.bias) } : layer);
    this.parts = { encoder: encoder.map(read), decoder: decoder.map(read) };
  }
  get layers() {
    return [...this.parts.encoder, ...this.parts.decoder].filter(({ weights }) => weights)
      .map(({ weights, bias }) => ({ w: weights, b: bias }));
  }
  // Return what the layers with weights give, after their activation and pooling, and the last one's numbers.
  run(part, x, shape) {
    const seen = [];
    let now = { y: x, shape };
    for (const layer of this.parts[part]) {
      now = OPERATIONS[layer.kind](now, layer);
      if (layer.weights) seen.push(now.y);
      else if (seen.length) seen[seen.length - 1] = now.y;
    }
    return { seen, y: now.y };
  }
  look(x, n) {
    const size = x.length / n, { latent: k, likelihood } = this.model, { mean } = LIKELIHOODS[likelihood];
    const runs = Array.from({ length: n }, (_, s) => {
      const encoded = this.run("encoder", x.subarray(s * size, (s + 1) * size), this.shape);
      const code = encoded.y.subarray(0, k), decoded = this.run("decoder", code, [k, 1, 1]);
      return { encoded: encoded.seen, code, decoded: decoded.seen, means: decoded.y.map(mean) };
    });
    const layers = (name) => runs[0][name].map((_, i) => ({ y: joined(runs.map((run) => run[name][i])) }));
    return {
      encoded: layers("encoded"), decoded: layers("decoded"),
      code: joined(runs.map(({ code }) => code)), means: joined(runs.map(({ means }) => means)),
    };
  }
  encode(x, n) {
    const size = x.length / n, { latent } = this.model;
    const codes = Array.from({ length: n }, (_, s) => {
      return this.run("encoder", x.subarray(s * size, (s + 1) * size), this.shape).y.subarray(0, latent);
    });
    return joined(codes);
  }
  decode(codes, n) {
    const { latent: k, likelihood } = this.model, { mean } = LIKELIHOODS[likelihood];
    const found = Array.from({ length: n }, (_, s) => this.run("decoder", codes.subarray(s * k, (s + 1) * k), [k, 1, 1]).y);
    return joined(found).map(mean);
  }
}

function joined(parts) {
  const found = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { found.set(part, at); at += part.length; }
  return found;
}
