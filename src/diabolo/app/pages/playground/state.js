"use strict";
// The page's whole state: one table of settings, their place in the address, and what the network makes of them.

const choice = (...options) => ({ options, read: (text) => (options.includes(text) ? text : undefined) });
const number = (least, most, whole = true) => ({
  least, most, whole,
  read: (text) => {
    const value = Number(text);
    if (String(text).trim() === "" || !Number.isFinite(value)) return undefined;
    return Math.min(most, Math.max(least, whole ? Math.round(value) : value));
  },
});
const numbers = (...options) => ({ options: options.map(String), numeric: true,
  read: (text) => (options.includes(Number(text)) ? Number(text) : undefined) });
const MOST_LAYERS = 4, WIDEST = 512, MOST_CODE = 1024;

// anew: whether the network must start again. when: the settings for which the control is shown.
const SETTINGS = {
  widths: {
    start: "", anew: true, group: "network",
    read: (text) => {
      const found = String(text).split(/[^0-9]+/).filter(Boolean).map(Number);
      return found.length <= MOST_LAYERS && found.every((w) => w >= 1 && w <= WIDEST) ? found.join("-") : undefined;
    },
  },
  latent: { start: 32, anew: true, group: "network", ...number(1, MOST_CODE) },
  hidden: { start: "relu", anew: true, group: "network", ...choice("relu", "linear", "tanh", "sigmoid", "silu") },
  code: {
    start: "relu", anew: true, group: "network", when: (s) => s.bottleneck === "plain",
    ...choice("linear", "relu", "tanh", "sigmoid", "silu"),
  },
  likelihood: { start: "bernoulli", anew: true, group: "network", ...choice("bernoulli", "gaussian") },
  corruption: { start: "none", group: "noise", ...choice("none", "gaussian", "mask", "pepper") },
  noise: { start: 0.5, group: "noise", step: 0.05, when: (s) => s.corruption !== "none", ...number(0, 1, false) },
  bottleneck: { start: "plain", anew: true, group: "bottleneck", ...choice("plain", "variational") },
  beta: { start: 1, group: "bottleneck", step: 0.1, when: (s) => s.bottleneck === "variational", ...number(0, 10, false) },
  sparsity: {
    start: "none", group: "bottleneck", when: (s) => s.bottleneck === "plain", ...choice("none", "l1", "top"),
  },
  penalty: {
    start: 0.5, group: "bottleneck", step: 0.05, ...number(0, 5, false),
    when: (s) => s.bottleneck === "plain" && s.sparsity === "l1",
  },
  kept: {
    start: 40, group: "bottleneck", ...number(1, MOST_CODE),
    when: (s) => s.bottleneck === "plain" && s.sparsity === "top",
  },
  optimizer: { start: "adam", anew: true, group: "training", ...choice("adam", "sgd") },
  rate: { start: 0.002, group: "training", ...numbers(0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05) },
  batch: { start: 64, group: "training", ...numbers(16, 32, 64, 128) },
  seed: { start: 1, anew: true, group: "training", ...number(0, 9999) },
  lesson: { start: 1, ...number(0, 8) },
  model: { start: "new", ...choice("new", "given") },
  digit: { start: 2, ...number(0, 9) },
  units: { start: "encoder", ...choice("encoder", "decoder") },
  pca: { start: "no", ...choice("no", "yes") },
  grid: { start: "no", ...choice("no", "yes") },
  x: { start: 0, ...number(-1, 1, false) },
  y: { start: 0, ...number(-1, 1, false) },
  steps: { start: 0, ...number(0, 100000) },
  pad: { start: "", read: (text) => (/^[A-Za-z0-9_-]{0,6000}$/.test(text) ? text : undefined) },
  lang: { start: "", ...choice("en", "es") },
};

function startState() {
  return Object.fromEntries(Object.entries(SETTINGS).map(([name, setting]) => [name, setting.start]));
}

// Return the state that an address's part after # stands for; what it does not name, or names wrongly, is as at the start.
function readAddress(hash) {
  const state = startState();
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const value = Object.hasOwn(SETTINGS, name) ? SETTINGS[name].read(text) : undefined;
    if (value !== undefined) state[name] = value;
  }
  return state;
}

// Return the part after #: only what differs from the start.
function writeAddress(state) {
  const parts = new URLSearchParams();
  for (const [name, { start }] of Object.entries(SETTINGS)) {
    if (String(state[name]) !== String(start)) parts.set(name, state[name]);
  }
  return `#${parts}`;
}

function modelOf(state, inputs) {
  const variational = state.bottleneck === "variational", sparsity = variational ? "none" : state.sparsity;
  return {
    inputs,
    widths: state.widths ? state.widths.split("-").map(Number) : [],
    latent: state.latent, hidden: state.hidden, code: state.code, likelihood: state.likelihood,
    variational, beta: state.beta, sparsity, amount: sparsity === "top" ? state.kept : state.penalty,
  };
}

function recipeOf({ corruption, noise, optimizer, rate, batch, seed }) {
  return { corruption, noise, optimizer, rate, batch, seed };
}

// The eight steps of the lesson: what each sets. Their words are in the catalogues.
const LESSON = [
  { latent: 32 },
  { latent: 8, hidden: "linear", code: "linear", likelihood: "gaussian", pca: "yes" },
  { widths: "128-32", latent: 2, code: "linear", rate: 0.005 },
  { widths: "128", latent: 32, corruption: "gaussian", noise: 0.5 },
  { latent: 64, sparsity: "l1", penalty: 0.5, units: "decoder" },
  { latent: 800, code: "linear", batch: 16, rate: 0.001, units: "decoder" },
  { widths: "128-32", latent: 2, code: "linear", rate: 0.005, grid: "yes" },
  { widths: "128-32", latent: 2, rate: 0.005, bottleneck: "variational", grid: "yes" },
];

function lessonState(number, lang) { return { ...startState(), ...LESSON[number - 1], lesson: number, lang }; }
