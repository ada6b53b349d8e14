"use strict";
// Drawing on canvases, in the colours of the page's style, so that light and dark are the same code.

const ink = { text: "", muted: "", rule: "", first: "", second: "", paper: "", card: "", rgb: [], plus: [], minus: [] };
function readInk() {
  const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  Object.assign(ink, {
    text: of("--ink"), muted: of("--muted"), rule: of("--rule"), first: of("--first"), second: of("--second"),
    paper: of("--paper"), card: of("--card"), tint: of("--tint"),
  });
  Object.assign(ink, { rgb: parts(ink.text), plus: parts(ink.first), minus: parts(ink.second) });
}

// A canvas for pictures of `columns` by `rows` tiles, one canvas pixel a picture's pixel; the style enlarges them.
function paintTiles(canvas, tiles, [height, width], columns, colour, gap = 2) {
  const rows = Math.max(1, Math.ceil(tiles.length / columns));
  const wide = columns * (width + gap) - gap, high = rows * (height + gap) - gap, kind = `${wide} ${high} ${tiles.length}`;
  let sheet = SHEETS.get(canvas);
  if (sheet?.kind !== kind) {
    canvas.width = wide;
    canvas.height = high;
    const pen = canvas.getContext("2d");
    sheet = { kind, pen, image: pen.createImageData(wide, high) };
    SHEETS.set(canvas, sheet);
  }
  const bytes = sheet.image.data;
  for (let number = 0; number < tiles.length; number++) {
    const tile = tiles[number], left = (number % columns) * (width + gap);
    let at = 4 * (Math.floor(number / columns) * (height + gap) * wide + left), i = 0;
    for (let row = 0; row < height; row++, at += 4 * (wide - width)) {
      for (let column = 0; column < width; column++, at += 4) colour(tile[i++], bytes, at);
    }
  }
  sheet.pen.putImageData(sheet.image, 0, 0);
}
const SHEETS = new WeakMap();

// A pixel in [0, 1] as ink on paper; a weight in [-1, 1] as one of two colours.
function greyInk(value, bytes, at) {
  bytes[at] = ink.rgb[0];
  bytes[at + 1] = ink.rgb[1];
  bytes[at + 2] = ink.rgb[2];
  bytes[at + 3] = 255 * Math.min(1, Math.max(0, value));
}
function signedInk(value, bytes, at) {
  const colour = value > 0 ? ink.plus : ink.minus;
  bytes[at] = colour[0];
  bytes[at + 1] = colour[1];
  bytes[at + 2] = colour[2];
  bytes[at + 3] = 255 * Math.min(1, Math.abs(value));
}

// Return { pen, width, height } of a canvas as large as its place on the page, cleared.
function sharp(canvas) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  const wide = Math.round(width * scale), high = Math.round(height * scale);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  return { pen, width, height };
}

function disc(pen, x, y, radius, fill) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = fill;
  pen.fill();
}
function ring(pen, x, y, radius) {
  for (const [width, colour] of [[4, ink.card], [2, ink.text]]) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
}

// A scale's round numbers between two values.
function ticks(low, high, count) {
  const rough = (high - low) / count, size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * size).find((s) => s >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9 * step; at += step) found.push(Number(at.toPrecision(6)));
  return found;
}

// Curves of the loss over steps. lines: [{ points: [[step, loss]], colour, width, dash }]; level: a dashed line.
function drawCurves(canvas, lines, level, format) {
  const { pen, width, height } = sharp(canvas), left = 44, right = width - 8, top = 8, bottom = height - 24;
  const all = lines.flatMap(({ points }) => points);
  const last = Math.max(100, ...all.map(([step]) => step));
  const settled = all.filter(([step]) => step >= Math.min(20, last / 10)).map(([, loss]) => loss);
  if (level !== null) settled.push(level);
  let low = settled.length ? Math.min(...settled) : 0, high = settled.length ? Math.max(...settled) : 1;
  const margin = Math.max(1e-6, 0.06 * (high - low) || 0.05 * Math.abs(high));
  low -= margin;
  high += margin;
  const x = (step) => left + (step / last) * (right - left);
  const y = (loss) => bottom - ((loss - low) / (high - low)) * (bottom - top);
  pen.lineWidth = 1;
  pen.strokeStyle = ink.rule;
  pen.fillStyle = ink.muted;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of ticks(low, high, 4)) {
    pen.beginPath();
    pen.moveTo(left, y(value));
    pen.lineTo(right, y(value));
    pen.stroke();
    pen.fillText(format(value), left - 6, y(value));
  }
  pen.textBaseline = "alphabetic";
  const marks = ticks(0, last, Math.max(2, Math.floor(width / 110)));
  marks.forEach((value) => {
    pen.textAlign = value === 0 ? "left" : x(value) > right - 20 ? "right" : "center";
    pen.fillText(format(value), x(value), height - 6);
  });
  pen.save();
  pen.beginPath();
  pen.rect(left, top - 4, right - left, bottom - top + 8);
  pen.clip();
  const stroke = (points, colour, thick, dash = []) => {
    pen.beginPath();
    points.forEach(([step, loss], i) => pen[i ? "lineTo" : "moveTo"](x(step), y(loss)));
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.lineJoin = "round";
    pen.setLineDash(dash);
    pen.stroke();
    pen.setLineDash([]);
  };
  if (level !== null) stroke([[0, level], [last, level]], ink.text, 1.5, [5, 4]);
  for (const { points, colour, width: thick } of lines) stroke(points, colour, thick);
  pen.restore();
}

// The network as a diabolo: wide at both ends, pinched at the code. ends: the pictures that go in and come out.
// layers: [{ values, code }].
function drawDiabolo(canvas, ends, pixels, layers, words) {
  const { pen, width, height } = sharp(canvas), middle = (height - 24) / 2, small = width < 520;
  const side = small ? 64 : height - 34, edge = small ? 6 : 24, room = width - 2 * side - 2 * edge;
  const tall = (count) => Math.min(small ? 100 : 150, 10 + (small ? 11 : 15) * Math.log2(count + 1));
  const x = (i) => side + edge + (room * (i + 0.5)) / layers.length;
  const places = layers.map(({ values }, i) => ({ x: x(i), half: tall(values.length) / 2 }));
  const outline = [{ x: side, half: side / 2 }, ...places, { x: width - side, half: side / 2 }];
  pen.beginPath();
  outline.forEach((p, i) => pen[i ? "lineTo" : "moveTo"](p.x, middle - p.half));
  [...outline].reverse().forEach((p) => pen.lineTo(p.x, middle + p.half));
  pen.closePath();
  pen.fillStyle = ink.tint;
  pen.fill();
  pen.textAlign = "center";
  layers.forEach(({ values, code }, i) => drawLayer(pen, places[i], middle, values, code, small));
  layers.forEach(({ values, code }, i) => {
    pen.fillStyle = code ? ink.text : ink.muted;
    pen.font = code ? "600 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
    pen.fillText(code ? `K = ${values.length}` : String(values.length), places[i].x, height - 6);
  });
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = ink.muted;
  ends.forEach((picture, i) => {
    const left = i * (width - side), top = middle - side / 2;
    pen.imageSmoothingEnabled = false;
    pen.fillStyle = ink.paper;
    pen.fillRect(left, top, side, side);
    pen.drawImage(picture, left, top, side, side);
    pen.strokeStyle = ink.rule;
    pen.lineWidth = 1;
    pen.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
    pen.fillStyle = ink.muted;
    pen.fillText(small ? String(pixels) : `${words[i]}, ${pixels}`, left + side / 2, height - 6);
  });
}

// One layer as a column of cells, at most 48: each shows the strongest of the values that fall to it.
function drawLayer(pen, { x, half }, middle, values, code, small) {
  const count = Math.min(values.length, 48), size = (2 * half) / count, thick = (code ? 22 : 14) * (small ? 0.65 : 1);
  let largest = 1e-6;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  pen.fillStyle = ink.card;
  pen.fillRect(x - thick / 2 - 1, middle - half - 1, thick + 2, 2 * half + 2);
  for (let cell = 0; cell < count; cell++) {
    const value = strongest(values, (cell * values.length) / count, ((cell + 1) * values.length) / count) / largest;
    const [r, g, b] = value > 0 ? ink.plus : ink.minus;
    pen.fillStyle = `rgba(${r},${g},${b},${Math.abs(value)})`;
    pen.fillRect(x - thick / 2, middle - half + cell * size, thick, size > 4 ? size - 1 : size);
  }
  pen.strokeStyle = code ? ink.text : ink.rule;
  pen.lineWidth = code ? 1.5 : 1;
  pen.strokeRect(x - thick / 2 - 1, middle - half - 1, thick + 2, 2 * half + 2);
}

function strongest(values, from, to) {
  let found = 0;
  for (let i = Math.floor(from); i < Math.max(Math.floor(to), Math.floor(from) + 1); i++) {
    if (Math.abs(values[i]) > Math.abs(found)) found = values[i];
  }
  return found;
}
