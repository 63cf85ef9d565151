// What is trained: the objective, the data, and every number that may be changed; what differs from the recipe is marked.
import { $, element, number } from "./page.js";

const NAMES = { d_lr: "learning rate of D", g_lr: "learning rate of G", n_critic: "D turns per G turn", batch_size: "batch", z_dim: "dimensions of z", hidden: "hidden units", optimizer: "optimizer", penalty: "further penalty", penalty_weight: "its weight", spectral_norm: "spectral norm" };
const FIRST = ["d_lr", "g_lr", "n_critic", "batch_size"], MORE = ["z_dim", "hidden", "optimizer", "penalty", "penalty_weight", "spectral_norm"];

export function settings(hello, scene, set, choose) {
  const grid = element("div", { class: "rows" }), more = element("div", { class: "rows" });
  grid.append(...objective(hello, scene, choose), ...dataRow(hello, scene, choose));
  for (const name of FIRST) grid.append(...row(hello, scene, name, set));
  for (const [name, value] of Object.entries(scene.choices.hyper)) grid.append(...hyper(scene, name, value, set));
  for (const name of MORE) more.append(...row(hello, scene, name, set));
  const note = element("p", { class: "soft" }, "Rates and D's turns change at once. Everything else begins anew from the same seed.");
  const open = $("settings").querySelector("details")?.open ?? false;
  $("settings").replaceChildren(element("h2", {}, "What is trained"), element("p", { class: "soft" }, scene.idea), grid,
    element("details", { open }, element("summary", {}, "All settings"), more, note));
}

function objective(hello, scene, choose) {
  const select = element("select", { id: "objective", onchange: () => choose({ objective: select.value }) });
  for (const output of new Set(hello.objectives.map((one) => one.output))) {
    const group = element("optgroup", { label: `D gives ${output}` });
    for (const { name, idea } of hello.objectives.filter((one) => one.output === output)) group.append(element("option", { value: name, title: idea, selected: name === scene.choices.objective }, name));
    select.append(group);
  }
  return [element("label", { htmlFor: "objective" }, "objective"), element("span", { class: "pair" }, select)];
}

function dataRow(hello, scene, choose) {
  const select = element("select", { id: "data", onchange: () => choose({ data: select.value }) });
  const names = hello.data.includes(scene.data) ? hello.data : [scene.data, ...hello.data];
  for (const name of names) select.append(element("option", { value: name, selected: name === scene.data }, name));
  return [element("label", { htmlFor: "data" }, "data"), element("span", { class: "pair" }, select)];
}

function row(hello, scene, name, set) {
  const value = scene.choices[name], usual = scene.recipe[name], id = `set-${name}`;
  const send = (v) => set(name, v);
  let input;
  if (name in hello.ranges) {
    const [low, high, isWhole] = hello.ranges[name];
    input = element("input", { id, type: "number", min: low, max: high, step: isWhole ? 1 : "any", value: value ?? "", onchange: () => input.value !== "" && send(Number(input.value)) });
    if (name === "penalty_weight") input.disabled = scene.choices.penalty === null;
  } else if (name === "spectral_norm") {
    input = element("input", { id, type: "checkbox", checked: value, onchange: () => send(input.checked) });
  } else {
    const known = name === "optimizer" ? hello.optimizers : [null, ...hello.penalties];
    input = element("select", { id, onchange: () => send(input.value || null) });
    for (const one of known) input.append(element("option", { value: one ?? "", selected: one === value }, one ?? "none"));
  }
  if (["n_critic", "d_lr"].includes(name) && !scene.trains_d) input.disabled = true;
  return labelled(NAMES[name], input, JSON.stringify(value) !== JSON.stringify(usual), () => send(usual), usual);
}

function hyper(scene, name, value, set) {
  const usual = scene.recipe.hyper[name], id = `hyper-${name}`;
  const send = (v) => set("hyper", { ...changed(scene), [name]: v });
  let input;
  if (typeof value === "boolean") input = element("input", { id, type: "checkbox", checked: value, onchange: () => send(input.checked) });
  else if (typeof value === "number") input = element("input", { id, type: "number", step: "any", value, onchange: () => input.value !== "" && send(Number(input.value)) });
  else input = element("input", { id, type: "text", value: value === null ? "" : Array.isArray(value) ? value.join(" ") : value, onchange: () => send(read(input.value, value)) });
  return labelled(name.replaceAll("_", " "), input, JSON.stringify(value) !== JSON.stringify(usual), () => send(usual), usual);
}

const read = (text, before) => Array.isArray(before) ? text.split(/[\s,]+/).filter(Boolean).map(Number) : text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text);

// The hyper-parameters that differ from the recipe's.
function changed(scene) {
  return Object.fromEntries(Object.entries(scene.choices.hyper).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(scene.recipe.hyper[name])));
}

function labelled(words, input, different, undo, usual) {
  const label = element("label", { htmlFor: input.id, class: different ? "changed" : "" }, words);
  const back = different ? element("button", { type: "button", class: "undo", title: `Back to the recipe's ${typeof usual === "number" ? number(usual) : usual}`, "aria-label": `${words}: back to the recipe`, onclick: undo }, "↺") : null;
  return [label, element("span", { class: "pair" }, back, input)];
}

// A refused value: the sentence beside the control, which shows again what is in force.
export function refused(words, name, scene) {
  for (const old of $("settings").querySelectorAll(".error")) old.remove();
  const input = $(`set-${name}`) ?? $("objective");
  input.closest(".pair").after(element("p", { class: "error", role: "alert" }, words));
  if (input.id !== "objective" && input.type === "number") input.value = scene.choices[name] ?? "";
}
