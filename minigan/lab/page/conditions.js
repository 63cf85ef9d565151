// What a run can be asked for besides a place: class, age, text, truncation, mixed styles, noise.
import { $, element, number } from "./page.js";

// A control for each condition; `anew` where the directions become others, `only` where just the sample does.
export function conditionsCard(run, anew, only) {
  const card = element("article", { class: "card", id: "conditions", hidden: true }, element("h2", {}, "Conditions"));
  const add = (words, tag, properties, act, options = []) => {
    const input = element(tag, properties, ...options.map(([value, name]) => element("option", { value }, name))), out = element("output");
    input.addEventListener(properties.type === "range" ? "input" : "change", () => { act(input.value); out.textContent = properties.type === "range" ? number(+input.value, 2) : ""; });
    card.hidden = false;
    card.append(element("label", { class: "field" }, words, input, out));
  };
  if (run.classes?.length) add("class", "select", { id: "class" }, (v) => anew("class", +v), run.classes.map((name, i) => [i, name]));
  if (run.age) {
    const [min, , value, , max] = run.age.knots;
    add(run.age.name, "input", { type: "range", min, max, step: "any", value }, (v) => only("age", Math.min(max, Math.max(min, +v))));
  }
  if (run.texts) add("text", "input", { type: "text", id: "text", value: run.texts[0], maxLength: 200 }, (v) => anew("text", v));
  if (run.layers) {
    const layers = Array.from({ length: run.layers }, (_, i) => [i, `from layer ${i}`]);
    add("truncation ψ", "input", { type: "range", id: "psi", min: -1, max: 1.5, step: 0.05, value: 1 }, (v) => only("psi", +v));
    add("styles of B", "select", { id: "mix" }, (v) => only("mix", v === "" ? undefined : { seed: +$("to").value, layer: +v }), [["", "none"], ...layers]);
    add("noise", "select", {}, (v) => only("noise", v), ["fixed", "random", "none"].map((name) => [name, name]));
  }
  return card;
}
