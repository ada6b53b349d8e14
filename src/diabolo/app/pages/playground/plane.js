"use strict";
// The plane of codes: the two numbers of the code, or the first two principal axes of longer codes.

class Plane {
  // count: samples whose codes are shown.
  constructor(count) { this.count = count; this.axes = null; this.forget(); }
  forget() { this.axes = null; this.places = []; this.codes = null; this.reach = [1, 1]; this.mean = [0, 0]; }

  // Take codes (count, k) and find where each lies. held: the reach of a prior that is drawn from, or null.
  show(codes, k, prior) {
    const { count } = this;
    this.codes = codes;
    Object.assign(this, moments(codes, count, k));
    if (k <= 2) {
      this.mean = [...this.middle];
      this.axes = Array.from({ length: 2 }, (_, row) => Array.from({ length: k }, (__, i) => Number(i === row)));
      if (prior) this.mean = this.mean.map(() => 0);
    } else {
      const same = this.axes && this.axes[0].length === k && this.axes.every((axis) => axis.some((value) => value !== 0));
      const found = principal(codes, count, k, 2, same ? { rounds: 2, start: this.axes } : { rounds: k > 100 ? 4 : 20 });
      Object.assign(this, { mean: [...found.mean], axes: found.axes });
    }
    this.places = Array.from({ length: count }, (_, s) => this.placeOf(codes.subarray(s * k, (s + 1) * k)));
    const far = prior && k <= 2 ? [3, 3] : [0, 1].map((side) => 1.05 * reached(this.places, side) || 1);
    this.reach = far;
  }

  // A place in [-1, 1] x [-1, 1] is of the map; a code is of the network.
  codeAt([x, y]) {
    return Float32Array.from(this.mean, (middle, i) => {
      return middle + x * this.reach[0] * this.axes[0][i] + y * this.reach[1] * this.axes[1][i];
    });
  }
  placeOf(code) { return this.axes.map((axis) => axis.reduce((sum, a, i) => sum + a * (code[i] - this.mean[i]), 0)); }

  draw(canvas, { colours, point, chosen, background }) {
    const { pen, width, height } = sharp(canvas);
    const at = ([x, y]) => [(x / this.reach[0] + 1) * (width / 2), (1 - y / this.reach[1]) * (height / 2)];
    if (background) {
      pen.imageSmoothingEnabled = true;
      pen.globalAlpha = 0.5;
      pen.drawImage(background, 0, 0, width, height);
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = ink.rule;
    pen.lineWidth = 1;
    const [left, top] = at([0, 0]);
    pen.beginPath();
    pen.moveTo(left, 0);
    pen.lineTo(left, height);
    pen.moveTo(0, top);
    pen.lineTo(width, top);
    pen.stroke();
    const size = width < 260 ? 2 : 3;
    if (background) this.places.forEach((place) => disc(pen, ...at(place), size + 1, ink.card));
    this.places.forEach((place, s) => disc(pen, ...at(place), size, colours[s]));
    if (chosen !== null && this.places[chosen]) {
      disc(pen, ...at(this.places[chosen]), size + 3, ink.card);
      disc(pen, ...at(this.places[chosen]), size + 1.5, colours[chosen]);
    }
    ring(pen, (point[0] + 1) * (width / 2), (1 - point[1]) * (height / 2), 7);
  }
}

// Return the mean and the standard deviation of each number of the codes.
function moments(codes, n, k) {
  const middle = new Float64Array(k), spread = new Float64Array(k);
  for (let i = 0; i < n * k; i++) middle[i % k] += codes[i] / n;
  for (let i = 0; i < n * k; i++) spread[i % k] += (codes[i] - middle[i % k]) ** 2 / n;
  return { middle, spread: spread.map(Math.sqrt) };
}

// How far the farthest of nearly all places lies: 1 of 100 may lie outside.
function reached(places, side) {
  const sizes = places.map((place) => Math.abs(place[side])).sort((a, b) => a - b);
  return sizes[Math.floor(0.99 * (sizes.length - 1))];
}
