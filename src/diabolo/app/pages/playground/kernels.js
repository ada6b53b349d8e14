"use strict";
// The sums that take the time: in WebAssembly where the browser has its four numbers at once, else in JavaScript.
// Both keep 32 bits of each number. Weights of a layer are stored input by input: weights[i * outputs + j].

// The first page of the memory is gather's: places in its first half, values in its second.
const PAGE_BYTES = 65536, MOST_PAGES = 4096, VALUES = 32768, MOST_GATHERED = 8188;

// Memory that a network's numbers live in, with the kernels that work on it.
class Kernels {
  // program: a WebAssembly.Module, or null for JavaScript alone. floats: about how many numbers will be held.
  constructor(program, floats) {
    this.run = null;
    this.next = 0;
    const pages = Math.ceil((4 * floats) / PAGE_BYTES) + 2;
    if (!program || pages > MOST_PAGES) return;
    this.memory = new WebAssembly.Memory({ initial: pages });
    this.run = new WebAssembly.Instance(program, { page: { memory: this.memory } }).exports;
    this.next = PAGE_BYTES;
  }

  // Return zeros: in the memory that the kernels see, while there is room.
  floats(length) {
    const bytes = 16 * Math.ceil(length / 4);
    if (!this.run || this.next + bytes > this.memory.buffer.byteLength) return new Float32Array(length);
    const made = new Float32Array(this.memory.buffer, this.next, length);
    this.next += bytes;
    return made;
  }

  // Whether all these arrays lie in the kernels' memory.
  sees(...arrays) { return this.run !== null && arrays.every((array) => array.buffer === this.memory.buffer); }

  // y += x W for n samples. Numbers that are 0 are skipped: four pixels of five are black.
  multiply(x, inputs, weights, outputs, y, n) {
    for (let s = 0; s < n; s++) this.add(y, s * outputs, weights, outputs, x, s * inputs, 1, inputs);
  }

  // slopes of W += x^T g, for n samples.
  multiplyOuter(x, inputs, g, outputs, slopes, n) {
    for (let i = 0; i < inputs; i++) this.add(slopes, i * outputs, g, outputs, x, i, inputs, n);
  }

  // y[at + j] += sum over k of x[start + k stride] rows[k length + j].
  add(y, at, rows, length, x, start, stride, count) {
    if (this.sees(x, y, rows) && count < MOST_GATHERED) {
      const found = this.run.gather(x.byteOffset + 4 * start, 4 * stride, count, 4 * length);
      this.run.add(y.byteOffset + 4 * at, rows.byteOffset, 0, VALUES, found, length);
      return;
    }
    const from = new Int32Array(count + 3), value = new Float32Array(count + 3);
    let found = 0;
    for (let k = 0; k < count; k++) {
      const v = x[start + k * stride];
      if (v !== 0) { from[found] = k * length; value[found++] = v; }
    }
    while (found % 4) { from[found] = 0; value[found++] = 0; }
    for (let k = 0; k < found; k += 4) addFour(y, at, rows, from, value, k, length);
  }

  // x = g W^T for n samples.
  multiplyBack(g, outputs, weights, inputs, x, n) {
    const fast = this.sees(g, weights, x);
    for (let s = 0; s < n; s++) {
      if (fast) {
        this.run.back(g.byteOffset + 4 * s * outputs, weights.byteOffset, x.byteOffset + 4 * s * inputs, inputs, outputs);
      } else for (let i = 0; i < inputs; i++) x[s * inputs + i] = dot(g, s * outputs, weights, i * outputs, outputs);
    }
  }

  // Set slope to share * (sigmoid(z) - x); return the sums of the cross-entropy in nats and of the squared error.
  entropy(z, x, slope, share) {
    let at = 0, distortion = 0, squared = 0;
    if (this.sees(z, x, slope)) {
      const sums = new Float32Array(this.memory.buffer, VALUES, 12), whole = z.length - (z.length % 4);
      // A product of 64 factors, each at most 2, is not too large for 32 bits.
      for (; at < whole; at += 256) {
        const places = [z, x, slope].map((array) => array.byteOffset + 4 * at);
        this.run.entropy(...places, Math.min(256, whole - at), share);
        for (let lane = 0; lane < 4; lane++) {
          squared += sums[lane];
          distortion += sums[4 + lane] + Math.log(sums[8 + lane]);
        }
      }
      at = whole;
    }
    for (; at < z.length; at++) {
      const small = Math.exp(-Math.abs(z[at])), error = (z[at] > 0 ? 1 : small) / (1 + small) - x[at];
      distortion += Math.max(z[at], 0) - x[at] * z[at] + Math.log1p(small);
      squared += error * error;
      slope[at] = share * error;
    }
    return { distortion, squared };
  }

  // One step of Adam (Kingma and Ba 2015, algorithm 1), with the rate and the correction of the start in m and v.
  adam(parameters, slopes, first, second, m, v) {
    if (this.sees(parameters, slopes, first, second)) {
      const places = [parameters, slopes, first, second].map((array) => array.byteOffset);
      this.run.adam(...places, parameters.length, m, v);
      return;
    }
    for (let i = 0; i < parameters.length; i++) {
      first[i] = 0.9 * first[i] + 0.1 * slopes[i];
      second[i] = 0.999 * second[i] + 0.001 * slopes[i] * slopes[i];
      parameters[i] -= (m * first[i]) / (Math.sqrt(v * second[i]) + 1e-8);
    }
  }
}

// Four rows at once: a row of y is read and written a quarter as often.
function addFour(y, at, rows, from, value, k, length) {
  const a = value[k], b = value[k + 1], c = value[k + 2], d = value[k + 3];
  const p = from[k], q = from[k + 1], r = from[k + 2], t = from[k + 3];
  for (let j = 0; j < length; j++) y[at + j] += a * rows[p + j] + b * rows[q + j] + c * rows[r + j] + d * rows[t + j];
}

function dot(x, at, y, from, length) {
  let sum = 0;
  for (let j = 0; j < length; j++) sum += x[at + j] * y[from + j];
  return sum;
}

// Return the program of the kernels from base64, or null where the browser lacks WebAssembly's four numbers at once.
function compiled(base64) {
  try {
    return new WebAssembly.Module(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
  } catch {
    return null;
  }
}
