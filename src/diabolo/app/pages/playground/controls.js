"use strict";
// The settings' controls, made from the table of settings.

const GROUPS = ["network", "bottleneck", "noise", "training"];

// Make the controls in `holder`; change(name, value) is called when the user sets one. Return a function that shows a
// state in them: each one's value, and whether it matters now.
function makeControls(holder, words, change) {
  const shown = new Map();
  holder.replaceChildren();
  for (const group of GROUPS) {
    const set = document.createElement("fieldset"), legend = document.createElement("legend");
    legend.textContent = words[`group_${group}`];
    set.append(legend);
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (setting.group === group) set.append(control(name, setting, words, change, shown));
    }
    holder.append(set);
  }
  return (state) => {
    for (const [name, { row, field, output }] of shown) {
      const { when } = SETTINGS[name];
      row.hidden = Boolean(when && !when(state));
      if (document.activeElement !== field || field.type === "range") field.value = String(state[name]).replaceAll("-", ", ");
      field.removeAttribute("aria-invalid");
      if (output) output.textContent = format(state[name], words.code, 2);
    }
  };
}

function control(name, setting, words, change, shown) {
  const row = document.createElement("label"), title = document.createElement("span");
  row.className = "control";
  title.append(words[`set_${name}`]);
  const field = setting.options ? select(name, setting, words) : input(setting);
  field.id = `set-${name}`;
  const output = field.type === "range" ? document.createElement("output") : null;
  if (output) title.append(output);
  row.append(title, field);
  if (words[`help_${name}`]) {
    const help = document.createElement("small");
    help.textContent = words[`help_${name}`];
    row.append(help);
  }
  field.addEventListener(output ? "input" : "change", () => {
    const value = setting.read(field.value);
    if (value === undefined) field.setAttribute("aria-invalid", "true");
    else change(name, value);
  });
  shown.set(name, { row, field, output });
  return row;
}

function select(name, setting, words) {
  const field = document.createElement("select");
  for (const value of setting.options) {
    field.add(new Option(setting.numeric ? format(Number(value), words.code, 4) : words[`${name}_${value}`], value));
  }
  return field;
}

function input(setting) {
  const field = document.createElement("input");
  if (setting.step) Object.assign(field, { type: "range", min: setting.least, max: setting.most, step: setting.step });
  else if (setting.least !== undefined) {
    Object.assign(field, { type: "number", min: setting.least, max: setting.most, step: 1, inputMode: "numeric" });
  } else Object.assign(field, { type: "text", inputMode: "text", autocomplete: "off", spellcheck: false });
  return field;
}

// A number as the language writes it, with at most so many decimals; `all`: with just as many.
const FORMATS = new Map();
function format(value, language, decimals = 0, all = false) {
  const key = `${language} ${decimals} ${all}`;
  if (!FORMATS.has(key)) {
    const digits = { maximumFractionDigits: decimals, minimumFractionDigits: all ? decimals : 0 };
    FORMATS.set(key, new Intl.NumberFormat(language, digits));
  }
  return FORMATS.get(key).format(value);
}
