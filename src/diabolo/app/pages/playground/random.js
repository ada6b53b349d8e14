"use strict";
// Random numbers from a seed, and the corruptions that use them: the same seed gives the same training.

class Random {
  // mulberry32: 32 bits of state.
  constructor(seed) { this.state = seed >>> 0; this.spare = null; }
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  // Box and Muller 1958: two normal numbers from two uniform ones.
  normal() {
    if (this.spare !== null) { const z = this.spare; this.spare = null; return z; }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform())), angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
  fillNormal(numbers) { for (let i = 0; i < numbers.length; i++) numbers[i] = this.normal(); return numbers; }
  shuffle(items) {
    for (let i = items.length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1)), kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
    return items;
  }
}

// A corruption changes pixels in [0, 1] in place. amount: standard deviation, or share of the pixels.
const CORRUPTIONS = {
  none: () => {},
  gaussian: (x, amount, random) => {
    for (let i = 0; i < x.length; i++) x[i] = Math.min(1, Math.max(0, x[i] + amount * random.normal()));
  },
  mask: (x, amount, random) => {
    for (let i = 0; i < x.length; i++) if (random.uniform() < amount) x[i] = 0;
  },
  pepper: (x, amount, random) => {
    for (let i = 0; i < x.length; i++) {
      const drawn = random.uniform();
      if (drawn < amount) x[i] = drawn < amount / 2 ? 0 : 1;
    }
  },
};
