"use strict";
// The drawing pad: a digit drawn by hand, kept in the address with four bits a pixel.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Twelve bits, three pixels, are two letters; empty pixels at the end are not written.
function packPixels(pixels) {
  let text = "";
  for (let i = 0; i < pixels.length; i += 3) {
    let bits = 0;
    for (let j = 0; j < 3; j++) bits = bits * 16 + Math.round(15 * Math.min(1, Math.max(0, pixels[i + j] || 0)));
    text += LETTERS[bits >> 6] + LETTERS[bits & 63];
  }
  return text.replace(/(AA)+$/, "");
}
function unpackPixels(text, length) {
  const pixels = new Float32Array(length);
  for (let at = 0, i = 0; at + 1 < text.length && i < length; at += 2, i += 3) {
    const bits = LETTERS.indexOf(text[at]) * 64 + LETTERS.indexOf(text[at + 1]);
    for (let j = 0; j < 3 && i + j < length; j++) pixels[i + j] = ((bits >> (4 * (2 - j))) & 15) / 15;
  }
  return pixels;
}

// Let a finger, a pen or a mouse draw on a canvas of pixels; by keyboard, arrows move the brush, and space paints.
// `changed` is called after each stroke's part.
function drawable(canvas, brush, pixels, [height, width], changed) {
  let last = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  };
  const dab = ([x, y]) => {
    const radius = Math.max(1, width / 20);
    for (let i = 0; i < pixels.length; i++) {
      const far = Math.hypot((i % width) + 0.5 - x, Math.floor(i / width) + 0.5 - y);
      pixels[i] = Math.max(pixels[i], Math.min(1, Math.max(0, radius + 0.6 - far)));
    }
  };
  const stroke = (to) => {
    const from = last ?? to, steps = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let s = 1; s <= steps; s++) dab([0, 1].map((i) => from[i] + ((to[i] - from[i]) * s) / steps));
    last = to;
    changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(place(event));
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons && last) stroke(place(event)); });
  const at = [width / 2, height / 2];
  const show = () => {
    brush.style.left = `${(at[0] / width) * canvas.clientWidth}px`;
    brush.style.top = `${(at[1] / height) * canvas.clientHeight}px`;
  };
  canvas.addEventListener("focus", show);
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key];
    if (!way) return;
    event.preventDefault();
    at[0] = Math.min(width, Math.max(0, at[0] + way[0]));
    at[1] = Math.min(height, Math.max(0, at[1] + way[1]));
    show();
    if (event.key === " ") { last = null; stroke([...at]); }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
}
