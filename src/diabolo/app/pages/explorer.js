"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const [height, width, channels] = content.shape;
  const { mean, spread, plane, points, group, groups, grid, live } = content;
  const $$ = (id) => document.getElementById(id);
  const map = $$("map"), picture = $$("picture"), size = map.width;
  const pen = map.getContext("2d"), paint = picture.getContext("2d", { willReadFrequently: true });
  picture.width = width;
  picture.height = height;

  // Weights are little-endian numbers of 16 bits.
  const halves = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.length / 2);
    for (let i = 0; i < numbers.length; i++) {
      const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8);
      const exponent = (bits >> 10) & 31, fraction = bits & 1023;
      const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14;
      numbers[i] = bits & 0x8000 ? -size : size;
    }
    return numbers;
  };
  const activations = { ReLU: (x) => (x > 0 ? x : 0), SiLU: (x) => x / (1 + Math.exp(-x)) };
  const outputs = { sigmoid: (x) => 1 / (1 + Math.exp(-x)), clamp: (x) => Math.min(1, Math.max(0, x)) };
  const layers = content.decoder && content.decoder.layers.map((layer) => ({
    ...layer, weights: halves(layer.weights), bias: halves(layer.bias),
  }));

  const run = (code) => {
    let x = Float32Array.from([...code, ...content.decoder.told]);
    for (const { inputs, outputs: count, weights, bias, activation } of layers) {
      const y = new Float32Array(count), act = activations[activation];
      for (let row = 0, at = 0; row < count; row++) {
        let sum = bias[row];
        for (let column = 0; column < inputs; column++) sum += weights[at++] * x[column];
        y[row] = act ? act(sum) : sum;
      }
      x = y;
    }
    return x.map(outputs[content.decoder.output]);
  };

  let state = { code: [...mean], place: [0, 0] }, ends = [], walking = 0, atlas = null;
  const codeAt = ([x, y]) => mean.map((middle, i) => middle + x * plane.axes[0][i] + y * plane.axes[1][i]);
  const placeOf = (code) => plane.axes.map((axis) => axis.reduce((sum, a, i) => sum + a * (code[i] - mean[i]), 0));
  const toPixels = ([x, y]) => [(x / plane.reach[0] + 1) * size / 2, (1 - y / plane.reach[1]) * size / 2];
  const toPlace = (left, top) => [(left / size * 2 - 1) * plane.reach[0], (1 - top / size * 2) * plane.reach[1]];

  // Without the decoder: blend the four decoded codes around the place.
  const blend = (place) => {
    const [x, y] = toPixels(place).map((at) => Math.min(1, Math.max(0, at / size)) * (grid.side - 1));
    const left = Math.min(grid.side - 2, Math.floor(x)), top = Math.min(grid.side - 2, Math.floor(y));
    const shares = [[0, 0, 1], [1, 0, x - left], [0, 1, y - top], [1, 1, 0]];
    shares[3][2] = (x - left) * (y - top);
    shares[0][2] = (1 - (x - left)) * (1 - (y - top));
    shares[1][2] = (x - left) * (1 - (y - top));
    shares[2][2] = (1 - (x - left)) * (y - top);
    const result = paint.createImageData(width, height), sum = new Float32Array(width * height * 4);
    for (const [right, down, share] of shares) {
      const tile = atlas.getImageData((left + right) * (width + 1), (top + down) * (height + 1), width, height).data;
      for (let i = 0; i < sum.length; i++) sum[i] += share * tile[i];
    }
    result.data.set(sum);
    return result;
  };

  const paintValues = (values, scale) => {
    const image = paint.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let c = 0; c < 3; c++) image.data[4 * pixel + c] = scale * values[pixel * channels + (channels > 1 ? c : 0)] + 0.5;
      image.data[4 * pixel + 3] = 255;
    }
    paint.putImageData(image, 0, 0);
  };

  const table = (rows) => {
    const body = document.createElement("tbody");
    for (const row of rows) {
      const line = body.insertRow();
      for (const text of row) line.insertCell().textContent = text;
    }
    return body;
  };

  // With a server: one question at a time, always about the newest code.
  const post = async (path, code) => {
    const answer = await fetch(live + path, { method: "POST", body: Float32Array.from(code) });
    if (answer.headers.get("content-type").startsWith("text/plain")) throw new Error(await answer.text());
    return answer;
  };
  let wanted = null, asking = false, resting = 0, shown = null;
  const ask = async (code) => {
    wanted = code;
    if (asking) return;
    asking = true;
    while (wanted) {
      const now = wanted, start = performance.now();
      wanted = null;
      try {
        const answer = await post("decode", now);
        if (grid) paintValues(new Uint8Array(await answer.arrayBuffer()), 1);
        else $$("values").replaceChildren(table(shown = await answer.json()));
        picture.dataset.milliseconds = (performance.now() - start).toFixed(1);
        tell(state.code, ` · decoded in ${Math.round(performance.now() - start)} ms`);
      } catch (error) {
        $$("where").textContent = error.message === "Failed to fetch" ? "The server has stopped." : error.message;
      }
    }
    asking = false;
    clearTimeout(resting);
    resting = setTimeout(() => points.length && askNearest(state.code), 120);
  };
  const askNearest = async (code) => {
    try {
      const found = await (await post("nearest", code)).json(), title = document.createElement("h2");
      const thing = document.createElement(found.picture ? "img" : "table");
      title.textContent = found.title;
      if (found.picture) { thing.src = found.picture; thing.alt = found.title; } else thing.append(table(found.rows));
      $$("nearest").replaceChildren(title, thing);
      $$("nearest").hidden = false;
    } catch { /* `where` says what went wrong */ }
  };

  const drawPicture = () => {
    if (live) ask(state.code);
    else if (layers) paintValues(run(state.code), 255);
    else if (atlas) paint.putImageData(blend(state.place), 0, 0);
  };

  const disc = (pen, place, radius, fill, edge) => {
    pen.beginPath();
    pen.arc(...toPixels(place), radius, 0, 2 * Math.PI);
    pen.fillStyle = fill;
    pen.fill();
    if (edge) { pen.lineWidth = 4; pen.strokeStyle = edge; pen.stroke(); }
  };

  // What does not change while the pointer moves is drawn once; the ring at the code lies over it.
  const background = new Image(), scene = document.createElement("canvas");
  scene.width = scene.height = size;
  const drawScene = () => {
    const pen = scene.getContext("2d");
    pen.globalAlpha = 1;
    pen.fillStyle = "#f4f4f1";
    pen.fillRect(0, 0, size, size);
    if (grid && $$("background").ariaPressed === "true" && background.complete) {
      pen.globalAlpha = points.length ? 0.45 : 1;
      // The middle of the outer pictures lies on the map's border.
      const step = size / (grid.side - 1);
      pen.drawImage(background, -step / 2, -step / 2, size + step, size + step);
    }
    pen.globalAlpha = 0.8;
    points.forEach((place, i) => disc(pen, place, 5, groups.length ? groups[group[i]][1] : "#3f90da"));
  };
  const drawMap = () => {
    pen.drawImage(scene, 0, 0);
    if (ends.length === 2) {
      pen.beginPath();
      pen.moveTo(...toPixels(ends[0]));
      pen.lineTo(...toPixels(ends[1]));
      pen.lineWidth = 4;
      pen.strokeStyle = "#e76300";
      pen.stroke();
    }
    ends.forEach((place) => disc(pen, place, 10, "#e76300", "#fff"));
  };
  const drawCursor = () => {
    const [x, y] = toPixels(state.place).map((at) => `${(100 * at / size).toFixed(2)}cqw`);
    $$("cursor").style.transform = `translate(${x}, ${y})`;
  };

  const tell = (code, more) => {
    const numbers = code.slice(0, 6).map((value) => value.toFixed(2)).join(", ");
    $$("where").textContent = "code (" + numbers + (code.length > 6 ? ", …)" : ")") + more;
  };
  const sliders = layers || live ? content.sliders : [];
  const show = () => {
    drawPicture();
    drawCursor();
    sliders.forEach((number) => {
      $$("slider-" + number).value = state.code[number];
      $$("value-" + number).textContent = state.code[number].toFixed(2);
    });
    if (!live) tell(state.code, "");
  };
  const goTo = (place) => { state = { code: codeAt(place), place }; show(); };
  const stop = () => { cancelAnimationFrame(walking); walking = 0; };

  const pointedAt = (event) => {
    const box = map.getBoundingClientRect(), inside = (share) => size * Math.max(0, Math.min(1, share));
    return toPlace(inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height));
  };
  const mark = (place) => {
    stop();
    ends = ends.length === 2 ? [place] : [...ends, place];
    drawMap();
    $$("walk").disabled = ends.length < 2;
    if (ends.length === 2) walk(); else goTo(place);
  };
  // A finger that is put down has not moved yet; one that leaves the map stays at its edge.
  for (const what of ["pointerdown", "pointermove"]) {
    map.addEventListener(what, (event) => { if (!walking) goTo(pointedAt(event)); });
  }
  map.addEventListener("click", (event) => mark(pointedAt(event)));
  map.addEventListener("keydown", (event) => {
    if (event.key === "Enter") mark(state.place);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    stop();
    goTo(state.place.map((at, i) => Math.max(-plane.reach[i], Math.min(plane.reach[i], at + step[i] * plane.reach[i] / 20))));
  });
  const walk = () => {
    stop();
    const start = performance.now();
    const frame = (now) => {
      const share = Math.min(1, (now - start) / 2500);
      goTo(ends[0].map((from, i) => from + share * (ends[1][i] - from)));
      walking = share < 1 ? requestAnimationFrame(frame) : 0;
    };
    walking = requestAnimationFrame(frame);
  };
  $$("walk").addEventListener("click", walk);
  $$("reset").addEventListener("click", () => { stop(); ends = []; drawMap(); $$("walk").disabled = true; goTo([0, 0]); });
  $$("background").addEventListener("click", (event) => {
    event.target.ariaPressed = event.target.ariaPressed === "true" ? "false" : "true";
    drawScene();
    drawMap();
  });
  $$("save").addEventListener("click", () => {
    const link = document.createElement("a");
    const lines = (shown || []).map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(","));
    link.download = grid ? "decoded.png" : "decoded.csv";
    link.href = grid ? picture.toDataURL("image/png") : "data:text/csv," + encodeURIComponent(lines.join("\n"));
    link.click();
  });
  $$("numbers").hidden = !sliders.length;
  $$("numbers").textContent = sliders.length === mean.length ? "The numbers of the code, those first that change most"
    : `The ${sliders.length} of the ${mean.length} numbers of the code that change most`;
  for (const number of sliders) {
    const row = document.createElement("label");
    row.append("z" + number);
    const slider = document.createElement("input"), value = document.createElement("output");
    Object.assign(slider, { type: "range", id: "slider-" + number, step: "any" });
    slider.min = mean[number] - 3 * spread[number];
    slider.max = mean[number] + 3 * spread[number];
    value.id = "value-" + number;
    row.append(slider, value);
    $$("sliders").append(row);
    slider.addEventListener("input", () => {
      stop();
      const code = [...state.code];
      code[number] = Number(slider.value);
      state = { code, place: placeOf(code) };
      show();
    });
  }
  for (const [name, colour] of groups) {
    const item = document.createElement("li"), dot = document.createElement("span");
    dot.style.background = colour;
    item.append(dot, name);
    $$("legend").append(item);
  }
  background.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    canvas.width = background.width;
    canvas.height = background.height;
    atlas = canvas.getContext("2d", { willReadFrequently: true });
    atlas.drawImage(background, 0, 0);
    drawScene();
    drawMap();
    show();
  });
  if (grid) background.src = grid.picture;
  picture.hidden = $$("background").hidden = !grid;
  $$("values").hidden = Boolean(grid);
  if (!grid) $$("save").textContent = "Save row";
  // In a frame of another page (the Studio): that page has the title, and gives as much height as is needed.
  if (window.frameElement) {
    document.body.classList.add("inside");
    new ResizeObserver(() => { frameElement.style.height = document.body.offsetHeight + 2 + "px"; }).observe(document.body);
  }
  drawScene();
  drawMap();
  show();
})();
