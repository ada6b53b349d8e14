"use strict";
// The page: the state, the worker that trains, and what the buttons do.

const $$ = (id) => document.getElementById(id);

class App {
  constructor(content, data) {
    Object.assign(this, { content, data, records: [], previous: [], run: 0, running: false, updates: 0, waiting: null });
    this.program = compiled(content.kernels);
    this.state = this.readState();
    this.pad = unpackPixels(this.state.pad, data.size);
    this.views = new Views(this);
    this.speak();
    this.worker = this.newWorker((message) => this.take(message));
    this.connect();
    this.start();
  }

  // What the address says; else the trained model that came with the page; else the lesson's first step.
  readState() {
    const given = this.content.model;
    if (given && location.hash.length < 2) return { ...startState(), ...given.settings, model: "given", lesson: 0 };
    const state = readAddress(location.hash);
    if (!given) Object.assign(state, { model: "new", lesson: Math.max(1, state.lesson) });
    else if (given.program && state.model === "given") Object.assign(state, given.settings);
    const bare = [...new URLSearchParams(location.hash.slice(1)).keys()].every((name) => name === "lesson" || name === "lang");
    return bare && state.lesson ? lessonState(state.lesson, state.lang) : state;
  }

  // A worker of the page's own mathematics; where none can be made, the same code in the page.
  newWorker(take) {
    const order = { order: "data", kernels: this.content.kernels, data: this.data };
    let port;
    try {
      const blob = new Blob([$$("mathematics").textContent, "\nwork(self);"], { type: "text/javascript" });
      port = new Worker(URL.createObjectURL(blob));
    } catch {
      const channel = new MessageChannel();
      work(channel.port2);
      port = channel.port1;
    }
    port.onmessage = ({ data: message }) => take(message);
    port.postMessage(order);
    return port;
  }

  get language() {
    const wanted = this.state.lang || this.content.lang || navigator.language.slice(0, 2);
    return Object.hasOwn(this.content.words, wanted) ? wanted : "en";
  }

  // Begin with new weights, or those of the trained model. running: whether to train on at once.
  start(running = false) {
    const model = modelOf(this.state, this.data.size), recipe = recipeOf(this.state), given = this.state.model === "given";
    this.previous = this.records.length > 5 && this.likelihood === model.likelihood ? this.records : [];
    this.likelihood = model.likelihood;
    this.records = [];
    this.steps = this.epoch = 0;
    this.run += 1;
    this.running = false;
    this.frozen = Boolean(given && this.content.model.program);
    this.view = this.frozen ? new Program(this.content.model.program, model, this.data.shape)
      : new Network(model, this.program, Math.max(this.data.held, GRID * GRID));
    this.views.forget();
    if (this.frozen) {
      this.updates += 1;
      this.drawn = this.run;
      this.redraw();
      this.showState();
      return;
    }
    const parameters = given ? parametersOf(this.content.model, this.view) : null;
    this.worker.postMessage({ order: "start", run: this.run, model, recipe, parameters });
    this.askPca();
    if (running) this.go();
    else if (this.state.steps) this.go(this.state.steps);
    this.showState();
  }

  go(until) {
    this.running = true;
    this.worker.postMessage({ order: "go", until });
    this.showState();
  }
  pause() { this.worker.postMessage({ order: "pause" }); }

  // Parameters came: draw them in the next frame, and tell the worker when it is done.
  take(message) {
    if (message.run !== this.run || this.frozen) return;
    const idle = this.waiting === null;
    this.records.push(...message.records);
    this.waiting = message;
    if (idle) requestAnimationFrame(() => this.show());
  }
  show() {
    const message = this.waiting;
    this.waiting = null;
    this.worker.postMessage({ order: "drawn" });
    if (message && message.run === this.run) {
      this.view.parameters.set(message.parameters);
      this.drawn = this.run;
      this.steps = message.steps;
      this.epoch = message.epoch;
      if (message.stopped) this.stopped();
      this.views.draw(!this.running);
      this.showFigures();
      this.updates += 1;
    }
  }
  stopped() {
    this.running = false;
    this.state.steps = this.steps;
    this.showState();
    const { words } = this, last = this.records.at(-1), loss = last ? format(last.loss, words.code, 1) : "";
    $$("said").textContent = fill(words.paused, { steps: format(this.steps, words.code), loss });
  }

  askPca() {
    const { latent, pca } = this.state, count = Math.min(latent, 64, this.data.size);
    if (pca !== "yes" || (this.views.pca && this.views.pca.axes.length === count)) return;
    this.views.pca = null;
    const helper = this.newWorker(({ pca: found }) => {
      const n = Math.min(MEASURED, this.data.held);
      let squared = 0;
      for (let s = 0; s < n; s++) {
        const x = heldDigit(this.data, s), restored = restore(found, project(found, x));
        for (let i = 0; i < x.length; i++) squared += (restored[i] - x[i]) ** 2 / n;
      }
      helper.terminate?.();
      this.views.pca = { ...found, loss: squared / 2, squared };
      this.redraw();
    });
    helper.postMessage({ order: "pca", count });
  }

  // Set one thing: start again where the network changes, else go on.
  set(name, value) {
    const { anew, group } = SETTINGS[name], { running } = this;
    this.state[name] = value;
    if (anew) {
      Object.assign(this.state, { steps: 0, model: "new" });
      this.start(running);
      return;
    }
    if (group) {
      const change = { model: modelOf(this.state, this.data.size), recipe: recipeOf(this.state) };
      if (this.frozen && group !== "noise") { this.state.model = "new"; this.start(); return; }
      Object.assign(this.view.model, change.model);
      if (!this.frozen) this.worker.postMessage({ order: "change", ...change });
      this.views.forget();
    }
    if (name === "lang") this.speak();
    this.askPca();
    this.redraw();
    this.showState();
  }
  setLesson(number) {
    const { lang } = this.state, { model } = this.content;
    this.state = number ? lessonState(number, lang) : { ...startState(), ...model.settings, model: "given", lesson: 0, lang };
    this.pad.fill(0);
    this.start();
  }
  redraw() {
    if (this.drawn !== this.run || this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.views.draw(!this.running); this.showFigures(); });
  }

  // The words of the language, everywhere.
  speak() {
    this.words = this.content.words[this.language];
    document.documentElement.lang = this.language;
    document.title = this.words.title;
    for (const element of document.querySelectorAll("[data-word]")) element.textContent = this.words[element.dataset.word];
    for (const element of document.querySelectorAll("[data-aria]")) {
      element.setAttribute("aria-label", this.words[element.dataset.aria]);
    }
    for (const element of document.querySelectorAll("[data-hint]")) element.title = this.words[element.dataset.hint];
    for (const button of document.querySelectorAll("[data-digit]")) {
      const { data } = this, group = data.labels[this.views.shown[button.dataset.digit]];
      const name = data.groups.length ? data.groups[group][0] : Number(button.dataset.digit) + 1;
      button.setAttribute("aria-label", fill(this.words.chooseDigit, { name }));
    }
    this.showControls = makeControls($$("controls"), this.words, (name, value) => this.set(name, value));
    this.makeLessons();
  }
  makeLessons() {
    const first = this.content.model ? 0 : 1;
    $$("lessons").replaceChildren(...Array.from({ length: 9 - first }, (_, i) => {
      const item = document.createElement("li"), button = document.createElement("button"), step = i + first;
      button.textContent = step ? `${step}. ${this.words[`short_${step}`]}` : this.content.model.name;
      button.dataset.lesson = step;
      button.addEventListener("click", () => this.setLesson(step));
      item.append(button);
      return item;
    }));
  }

  showState() {
    const { state, words, running } = this, { lesson } = state;
    this.showControls(state);
    $$("play").textContent = running ? words.pause : state.steps ? words.goOn : words.play;
    $$("loss-card").hidden = this.frozen;
    for (const id of ["play", "anew"]) $$(id).disabled = this.frozen;
    $$("step").disabled = running || this.frozen;
    for (const button of document.querySelectorAll("[data-lesson]")) {
      const now = Number(button.dataset.lesson) === lesson, strip = $$("lessons");
      button.ariaCurrent = now ? "step" : null;
      if (now && strip.scrollWidth > strip.clientWidth) strip.scrollLeft = button.offsetLeft - strip.offsetLeft - 40;
    }
    const name = words[`name_${lesson}`];
    $$("lesson-name").textContent = lesson ? fill(words.lessonName, { number: lesson, name }) : name;
    $$("lesson-question").textContent = words[`question_${lesson}`];
    $$("lesson-try").textContent = words[this.frozen ? "frozen" : `try_${lesson}`];
    $$("lesson-next").hidden = lesson === 8;
    for (const lang of ["en", "es"]) $$(`lang-${lang}`).ariaPressed = String(this.language === lang);
    for (const units of ["encoder", "decoder"]) $$(`units-${units}`).ariaPressed = String(state.units === units);
    $$("grid").checked = state.grid === "yes";
    $$("network-text").textContent = this.networkText();
    $$("plane-text").textContent = words[state.latent > 2 ? "planeAxes" : state.latent === 2 ? "planeTwo" : "planeOne"];
    $$("sample-text").textContent = words[state.bottleneck === "variational" ? "samplePrior" : "sampleCodes"];
    $$("labels").replaceChildren(...this.data.groups.map(([name, colour]) => {
      const item = document.createElement("li"), dot = document.createElement("span");
      dot.style.background = colour;
      item.append(dot, name);
      return item;
    }));
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(null, "", writeAddress(this.state)), 250);
  }
  networkText() {
    const { data, state, words } = this, { latent } = state;
    const parameters = this.view ? this.view.layers.reduce((sum, { w, b }) => sum + w.length + b.length, 0) : 0;
    const compression = format(data.size / latent, words.code, 1), text = words[latent < data.size ? "networkText" : "networkWide"];
    return fill(text, { pixels: data.size, k: latent, compression, parameters: format(parameters, words.code) });
  }

  showFigures() {
    const { words, data, views, state } = this, last = this.records.at(-1);
    const entries = [[words.steps, format(this.steps, words.code)]];
    entries.push([words.epochs, format(this.epoch, words.code, 1, true)]);
    const shown = (value, decimals) => (last ? format(value(last), words.code, decimals, true) : "–");
    entries.push([words.heldOutLoss, shown(({ loss }) => loss, 1)]);
    if (state.bottleneck === "variational") entries.push([words.rate, shown(({ rate }) => rate, 1)]);
    entries.push([words.squared, shown(({ squared }) => squared / data.size, 4)]);
    if (state.pca === "yes" && views.pca) {
      entries.push([words.squaredPca, format(views.pca.squared / data.size, words.code, 4, true)]);
    }
    const list = $$("figures");
    while (list.children.length > entries.length) list.lastChild.remove();
    entries.forEach(([name, value], i) => {
      const pair = list.children[i] ?? list.appendChild(document.createElement("div"));
      if (!pair.children.length) pair.append(document.createElement("dt"), document.createElement("dd"));
      pair.children[0].textContent = name;
      pair.children[1].textContent = value;
    });
  }

  tell(text) {
    $$("status").textContent = text;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => { $$("status").textContent = ""; }, 4000);
  }
}

// Numbers of 16 bits in base64, as the network's parameters; null where an address asks for another network.
function parametersOf({ layers }, network) {
  const found = new Float32Array(network.parameters.length);
  for (const [i, layer] of network.layers.entries()) {
    const weights = halves(layers[i]?.weights ?? ""), bias = halves(layers[i]?.bias ?? "");
    if (weights.length !== layer.w.length || bias.length !== layer.b.length) return null;
    found.set(weights, layer.weights);
    found.set(bias, layer.bias);
  }
  return found;
}
