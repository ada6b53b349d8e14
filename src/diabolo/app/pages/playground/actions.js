"use strict";
// What buttons, keys, fingers and links do.

App.prototype.connect = function connect() {
  const on = (id, act, event = "click") => $$(id).addEventListener(event, act);
  const turn = () => (this.running ? this.pause() : this.go());
  const step = () => { if (!this.running) this.go((this.steps ?? 0) + 1); };
  const anew = () => { this.state.steps = 0; this.start(); };
  on("play", turn);
  on("step", step);
  on("anew", anew);
  on("lesson-set", () => this.setLesson(this.state.lesson));
  on("lesson-next", () => this.setLesson(this.state.lesson + 1));
  for (const lang of ["en", "es"]) on(`lang-${lang}`, () => this.set("lang", lang));
  for (const units of ["encoder", "decoder"]) on(`units-${units}`, () => this.set("units", units));
  on("grid", (event) => this.set("grid", event.target.checked ? "yes" : "no"), "change");
  on("share", () => this.share());
  document.addEventListener("keydown", (event) => {
    const target = event.target.closest("input, select, button, summary, a, canvas");
    if (target || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { " ": turn, s: step, r: anew }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  $$("settings").open = innerWidth > 760;
  this.connectPlane();
  this.connectPad();
  addEventListener("hashchange", () => {
    this.state = this.readState();
    this.pad.set(unpackPixels(this.state.pad, this.data.size));
    this.speak();
    this.start();
  });
  const again = () => { readInk(); this.views.painted = undefined; this.redraw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new ResizeObserver(again).observe(document.body);
};

App.prototype.share = async function share() {
  if (this.running) this.state.steps = this.steps;
  history.replaceState(null, "", writeAddress(this.state));
  try {
    await navigator.clipboard.writeText(location.href);
    this.tell(this.words.copied);
  } catch {
    this.tell(this.words.inAddress);
  }
};

App.prototype.connectPlane = function connectPlane() {
  const plane = $$("plane"), within = (value) => Math.min(1, Math.max(-1, value));
  const move = (x, y) => {
    Object.assign(this.state, { x: Number(within(x).toFixed(3)), y: Number(within(y).toFixed(3)) });
    this.views.drawPlane();
    this.showState();
  };
  const pointed = (event) => {
    const box = plane.getBoundingClientRect();
    move((2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height);
  };
  plane.addEventListener("pointerdown", (event) => { plane.setPointerCapture(event.pointerId); pointed(event); });
  plane.addEventListener("pointermove", (event) => { if (event.buttons) pointed(event); });
  plane.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    move(this.state.x + 0.05 * way[0], this.state.y + 0.05 * way[1]);
  });
};

App.prototype.connectPad = function connectPad() {
  const { pad, data, views } = this, random = new Random(3);
  const changed = () => {
    this.state.pad = packPixels(pad);
    views.drawPad();
    this.showState();
  };
  drawable($$("pad"), $$("pad-brush"), pad, data.shape, changed);
  const on = (id, act) => $$(id).addEventListener("click", () => { act(); changed(); });
  on("pad-clear", () => pad.fill(0));
  on("pad-copy", () => pad.set(heldDigit(data, views.shown[Math.min(this.state.digit, views.shown.length - 1)])));
  on("pad-noise", () => {
    const kind = this.state.corruption === "none" ? "gaussian" : this.state.corruption;
    CORRUPTIONS[kind](pad, this.state.corruption === "none" ? 0.3 : this.state.noise, random);
  });
  on("pad-remove", () => pad.set(this.padGiven.map((value) => Math.min(1, Math.max(0, value)))));
};

// The digits: 4 bits a pixel, deflated.
async function unpackDigits({ shape, train, held, greys, labels, groups }) {
  const size = shape[0] * shape[1], packed = bytesOf(greys);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const pixels = new Float32Array((train + held) * size);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i % 2 ? bytes[i >> 1] & 15 : bytes[i >> 1] >> 4) / 15;
  return { pixels, train, held, size, shape, labels, groups };
}
function bytesOf(base64) { return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)); }

// Little-endian numbers of 16 bits.
function halves(base64) {
  const bytes = bytesOf(base64), numbers = new Float32Array(bytes.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8), exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14;
    numbers[i] = bits & 0x8000 ? -size : size;
  }
  return numbers;
}

readInk();
async function begin() {
  const content = JSON.parse($$("content").textContent);
  try {
    globalThis.playground = new App(content, await unpackDigits(content.digits));
  } catch (error) {
    document.querySelector("header p").textContent = Object.values(content.words).map(({ old }) => old).join(" ");
    throw error;
  }
}
begin();
