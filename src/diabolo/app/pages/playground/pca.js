"use strict";
// Principal component analysis by subspace iteration: the axes are turned towards the covariance, and made orthogonal.

// Return { mean (d), axes: count vectors (d), spreads (count) } of n samples of d numbers. start: axes to turn further.
function principal(x, n, d, count, { rounds = 20, start = null } = {}) {
  const rows = Array.from({ length: n }, (_, s) => entries(x, s * d, d)), mean = new Float64Array(d);
  for (const { at, value } of rows) for (let e = 0; e < at.length; e++) mean[at[e]] += value[e] / n;
  const random = new Random(7), extra = start ? count : Math.min(d, n, count + 6);
  let axes = orthogonal(start ?? Array.from({ length: extra }, () => random.fillNormal(new Float64Array(d))));
  let spreads = axes.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    const next = axes.map((axis) => turned(rows, axis, mean));
    spreads = next.map((to) => Math.sqrt(Math.sqrt(inner(to, to, 0, d)) / n));
    axes = orthogonal(next);
  }
  return { mean, axes: axes.slice(0, count), spreads: spreads.slice(0, count) };
}

// The numbers of a sample that are not 0.
function entries(x, start, d) {
  let count = 0;
  for (let i = 0; i < d; i++) if (x[start + i] !== 0) count += 1;
  const at = new Uint16Array(count), value = new Float32Array(count);
  for (let i = 0, e = 0; i < d; i++) if (x[start + i] !== 0) { at[e] = i; value[e++] = x[start + i]; }
  return { at, value };
}

// The samples' covariance times an axis, times n.
function turned(rows, axis, mean) {
  const to = new Float64Array(axis.length), shift = inner(axis, mean, 0, axis.length);
  let sum = 0;
  for (const { at, value } of rows) {
    let along = -shift;
    for (let e = 0; e < at.length; e++) along += axis[at[e]] * value[e];
    for (let e = 0; e < at.length; e++) to[at[e]] += along * value[e];
    sum += along;
  }
  for (let i = 0; i < to.length; i++) to[i] -= sum * mean[i];
  return to;
}

function inner(axis, x, at, d) {
  let sum = 0;
  for (let i = 0; i < d; i++) sum += axis[i] * x[at + i];
  return sum;
}

function orthogonal(vectors) {
  const found = [];
  for (const vector of vectors) {
    for (let again = 0; again < 2; again++) {
      for (const other of found) {
        const along = inner(other, vector, 0, vector.length);
        for (let i = 0; i < vector.length; i++) vector[i] -= along * other[i];
      }
    }
    const length = Math.sqrt(inner(vector, vector, 0, vector.length)) || 1;
    found.push(vector.map((value) => value / length));
  }
  return found;
}

// Return the numbers of one sample along the axes, and the sample that such numbers stand for.
function project({ mean, axes }, x, at = 0) {
  return axes.map((axis) => inner(axis, x, at, mean.length) - inner(axis, mean, 0, mean.length));
}
function restore({ mean, axes }, numbers) {
  const x = Float32Array.from(mean);
  axes.forEach((axis, k) => { for (let i = 0; i < x.length; i++) x[i] += numbers[k] * axis[i]; });
  return x;
}
