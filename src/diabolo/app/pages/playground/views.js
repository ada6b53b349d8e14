"use strict";
// The page's panels: each draws what the network gives now.

const MOST_UNITS = 64, GRID = 13, SAMPLES = 10;

class Views {
  // data: the digits. chosen: ten held-out ones that are shown. app: { state, words, view, records, ... }.
  constructor(app) {
    this.app = app;
    const { data } = app;
    this.plane = new Plane(data.held);
    this.heldPixels = data.pixels.subarray(data.train * data.size, (data.train + data.held) * data.size);
    this.shown = shownDigits(data);
    this.colours = data.groups.length ? data.labels.map((group) => data.groups[group][1]) : data.labels.map(() => "#3f90da");
    this.background = document.createElement("canvas");
    this.ends = [document.createElement("canvas"), document.createElement("canvas")];
    this.draws = new Float32Array(0);
    this.pca = null;
    this.cost = this.last = 0;
    this.visible = new Set();
    const watch = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) this.visible[isIntersecting ? "add" : "delete"](target);
    });
    for (const name of ["diabolo", "digits", "loss", "plane", "samples", "units", "pad"]) watch.observe($$(name));
    this.table = digitsTable(this.shown.length, app);
  }

  forget() {
    this.plane.forget();
    this.last = 0;
    this.painted = undefined;
    const { app } = this, { data, state } = app;
    this.clean = new Float32Array(this.shown.length * data.size);
    this.shown.forEach((number, i) => this.clean.set(heldDigit(data, number), i * data.size));
    this.noisy = this.clean.slice();
    CORRUPTIONS[state.corruption](this.noisy, state.noise, new Random(state.seed + 5));
  }

  // Draw what is on the screen; what takes long, not in every frame. all: draw everything.
  draw(all) {
    const now = performance.now(), sees = (...names) => all || names.some((name) => this.visible.has($$(name)));
    if (all || now - this.last > 6 * this.cost) {
      if (sees("plane", "samples")) this.drawCodes();
      if (sees("units")) this.drawUnits();
      this.last = performance.now();
      this.cost = this.last - now;
    }
    if (sees("digits", "diabolo")) this.drawDigits();
    if (sees("loss")) this.drawLoss();
    if (sees("plane")) this.drawPlane();
    if (sees("pad")) this.drawPad();
  }

  drawDigits() {
    const { app, table } = this, { data, state, view } = app, count = this.shown.length, { size, shape } = data;
    const look = view.look(this.noisy, count), tile = (x, i) => x.subarray(i * size, (i + 1) * size);
    const noisy = state.corruption !== "none", pca = state.pca === "yes" && this.pca;
    table.rows.noisy.hidden = !noisy;
    table.rows.pca.hidden = !pca;
    for (let i = 0; i < count; i++) {
      paintTiles(table.cells.given[i], [tile(look.means, i)], shape, 1, greyInk);
      const pressed = String(i === state.digit);
      if (table.buttons[i].ariaPressed !== pressed) table.buttons[i].ariaPressed = pressed;
    }
    if (this.painted !== this.pca) this.paintRest(tile, noisy, pca);
    this.drawNetwork(look, Math.min(state.digit, count - 1));
  }

  // The rows that training does not change.
  paintRest(tile, noisy, pca) {
    const { app, table } = this, { shape, size } = app.data;
    for (let i = 0; i < this.shown.length; i++) {
      paintTiles(table.cells.digit[i], [tile(this.clean, i)], shape, 1, greyInk);
      if (noisy) paintTiles(table.cells.noisy[i], [tile(this.noisy, i)], shape, 1, greyInk);
      if (!pca) continue;
      const restored = restore(this.pca, project(this.pca, this.clean, i * size));
      paintTiles(table.cells.pca[i], [restored], shape, 1, greyInk);
    }
    this.painted = this.pca;
  }

  drawNetwork({ encoded, code, decoded, means }, number) {
    const { data, view, words } = this.app, k = view.model.latent;
    const cut = (values, size = values.length / this.shown.length) => values.subarray(number * size, (number + 1) * size);
    const layers = [
      ...encoded.slice(0, -1).map(({ y }) => ({ values: cut(y) })),
      { values: cut(code, k), code: true },
      ...decoded.slice(0, -1).map(({ y }) => ({ values: cut(y) })),
    ];
    const pictures = [cut(this.noisy, data.size), cut(means, data.size)];
    pictures.forEach((pixels, i) => paintTiles(this.ends[i], [pixels], data.shape, 1, greyInk));
    drawDiabolo($$("diabolo"), this.ends, data.size, layers, [words.input, words.output]);
  }

  drawLoss() {
    const { app } = this, { records, previous, state, words } = app;
    const points = (all, name) => thinned(all).map((record) => [record.step, record[name]]);
    const lines = [
      { points: points(previous, "loss"), colour: ink.rule, width: 2 },
      { points: points(records, "train"), colour: ink.second, width: 1.2 },
      { points: points(records, "loss"), colour: ink.first, width: 2.2 },
    ];
    const level = state.pca === "yes" && state.likelihood === "gaussian" && this.pca ? this.pca.loss : null;
    drawCurves($$("loss"), lines, level, (value) => format(value, words.code, 2));
    const legend = [[ink.first, words.heldOut], [ink.second, words.training]];
    if (previous.length) legend.push([ink.rule, words.previous]);
    if (level !== null) legend.push([ink.text, fill(words.pcaLine, { k: state.latent })]);
    const said = JSON.stringify(legend);
    if (said === this.legend) return;
    this.legend = said;
    $$("loss-legend").replaceChildren(...legend.map(([colour, text]) => legendLine(colour, text)));
  }

  // Codes of the digits held out, the pictures decoded over the plane, and those of random codes.
  drawCodes() {
    const { app, plane } = this, { data, state, view } = app, { latent: k, variational, code } = view.model;
    // A model that is not trained here is asked once.
    const known = app.frozen && plane.codes, codes = known || view.encode(this.heldPixels, data.held);
    if (!known) plane.show(codes, k, variational);
    if (state.grid === "yes") {
      const places = Array.from({ length: GRID * GRID }, (_, i) => [
        (((i % GRID) + 0.5) / GRID) * 2 - 1, 1 - ((Math.floor(i / GRID) + 0.5) / GRID) * 2,
      ]);
      const at = new Float32Array(places.length * k);
      places.forEach((place, i) => at.set(plane.codeAt(place), i * k));
      const means = view.decode(at, places.length);
      const tiles = places.map((_, i) => means.subarray(i * data.size, (i + 1) * data.size));
      paintTiles(this.background, tiles, data.shape, GRID, greyInk, 0);
    }
    const drawn = new Float32Array(SAMPLES * k);
    if (this.draws.length !== drawn.length) this.draws = new Random(11).fillNormal(new Float32Array(drawn.length));
    for (let i = 0; i < drawn.length; i++) {
      const number = i % k, normal = this.draws[i];
      drawn[i] = variational ? normal : plane.middle[number] + normal * plane.spread[number];
      if (!variational && (code === "relu" || code === "sigmoid")) drawn[i] = Math.max(0, drawn[i]);
    }
    const means = view.decode(drawn, SAMPLES);
    const tiles = Array.from({ length: SAMPLES }, (_, i) => means.subarray(i * data.size, (i + 1) * data.size));
    paintTiles($$("samples"), tiles, data.shape, SAMPLES, greyInk);
  }

  drawPlane() {
    const { app, plane } = this, { data, state, view, words } = app;
    if (!plane.axes) return;
    const chosen = this.shown[state.digit] ?? null, background = state.grid === "yes" ? this.background : null;
    plane.draw($$("plane"), { colours: this.colours, point: [state.x, state.y], chosen, background });
    const code = plane.codeAt([state.x, state.y]), k = view.model.latent;
    paintTiles($$("decoded"), [view.decode(code, 1).subarray(0, data.size)], data.shape, 1, greyInk);
    const short = [...code.subarray(0, 2)].map((value) => format(value, words.code, 2));
    $$("point").textContent = fill(words.point, { code: short.join("; ") + (k > 2 ? "; …" : "") });
  }

  drawUnits() {
    const { app } = this, { data, state, view, words } = app, { size } = data;
    $$("units-card").hidden = !view.encoder;
    if (!view.encoder) return;
    const encoder = state.units === "encoder", layer = encoder ? view.encoder[0] : view.decoder.at(-1);
    const units = encoder ? (view.encoder.length === 1 ? view.model.latent : layer.outputs) : layer.inputs;
    const count = Math.min(units, MOST_UNITS), columns = count <= 8 ? Math.max(4, count) : 10;
    const shown = units > MOST_UNITS ? this.strongest(layer, units, encoder) : [...Array(units).keys()];
    const tiles = shown.map((unit) => {
      const stride = encoder ? layer.outputs : 1, start = encoder ? unit : unit * layer.outputs;
      return strided(layer.w, start, stride, size);
    });
    paintTiles($$("units"), scaled(tiles), data.shape, columns, signedInk);
    $$("units-text").textContent = fill(words[encoder ? "unitsEncoderText" : "unitsDecoderText"], { count, units })
      + (units > count ? ` ${words.unitsStrongest}` : "");
  }

  // Return the units of the largest weights; the choice is kept until half as many batches again are trained.
  strongest(layer, units, encoder) {
    const { steps, run } = this.app, key = `${run} ${encoder} ${units}`, kept = this.chosenUnits;
    if (kept && kept.key === key && steps >= kept.steps && steps < 1.5 * kept.steps + 20) return kept.units;
    const sizes = new Float64Array(units);
    layer.w.forEach((value, i) => { sizes[encoder ? i % layer.outputs : Math.floor(i / layer.outputs)] += value * value; });
    const order = [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a]).slice(0, MOST_UNITS);
    this.chosenUnits = { key, steps, units: order };
    return order;
  }

  drawPad() {
    const { app } = this, { data, view, pad, words } = app;
    paintTiles($$("pad"), [pad], data.shape, 1, greyInk);
    const given = view.look(pad, 1).means.slice(0, data.size);
    app.padGiven = given;
    const empty = pad.every((value) => value === 0);
    paintTiles($$("pad-out"), [empty ? new Float32Array(data.size) : given], data.shape, 1, greyInk);
    $$("pad-hint").hidden = !empty;
    let error = 0;
    for (let i = 0; i < given.length; i++) error += (given[i] - pad[i]) ** 2 / given.length;
    $$("pad-error").textContent = empty ? "" : fill(words.padError, { error: format(error, words.code, 4) });
  }
}

// Return every `stride`th weight from `start` on.
function strided(weights, start, stride, length) {
  const tile = new Float32Array(length);
  for (let i = 0; i < length; i++) tile[i] = weights[start + i * stride];
  return tile;
}

// Scale tiles together, so that the strongest weight of an average tile is 1: units that learned little stay faint.
function scaled(tiles) {
  let sum = 1e-9;
  for (const tile of tiles) sum += strongest(tile, 0, tile.length) ** 2 / tiles.length;
  const size = Math.sqrt(sum);
  for (const tile of tiles) for (let i = 0; i < tile.length; i++) tile[i] /= size;
  return tiles;
}

// Return the numbers, among those held out, of one digit of each label; else of the first ten.
function shownDigits(data) {
  const found = data.groups.map((_, group) => data.labels.indexOf(group)).filter((at) => at >= 0);
  return found.length ? found.slice(0, 10) : Array.from({ length: Math.min(10, data.held) }, (_, i) => i);
}

function heldDigit(data, number) { return digit(data, data.train + number); }

// At most 300 of the records, the last one among them.
function thinned(records) {
  const every = Math.ceil(records.length / 300);
  return records.filter((_, i) => (records.length - 1 - i) % every === 0);
}

function legendLine(colour, text) {
  const item = document.createElement("li"), mark = document.createElement("span");
  mark.className = "line";
  mark.style.color = colour;
  item.append(mark, text);
  return item;
}

// The table of digits beside their reconstructions; the first row chooses.
function digitsTable(count, app) {
  const table = $$("digits"), rows = {}, cells = {}, buttons = [];
  table.replaceChildren();
  for (const name of ["digit", "noisy", "given", "pca"]) {
    const row = table.insertRow(), head = document.createElement("th");
    head.scope = "row";
    head.dataset.word = `row_${name}`;
    row.append(head);
    rows[name] = row;
    cells[name] = Array.from({ length: count }, (_, i) => {
      const canvas = document.createElement("canvas"), cell = row.insertCell();
      if (name !== "digit") { cell.append(canvas); return canvas; }
      const button = document.createElement("button");
      button.dataset.digit = i;
      button.append(canvas);
      button.addEventListener("click", () => app.set("digit", i));
      buttons.push(button);
      cell.append(button);
      return canvas;
    });
  }
  return { rows, cells, buttons };
}

function fill(text, values) { return text.replace(/\{(\w+)\}/g, (_, name) => values[name]); }
