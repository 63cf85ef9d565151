// What runs: the objective's formulas as its page states them, and the functions of the step with their line numbers.
import { $, element } from "./page.js";

export function code(scene) {
  const formulas = scene.formulas.map(([label, text]) => [element("h3", {}, label), element("pre", { tabIndex: 0 }, text)]).flat();
  $("formulas").replaceChildren(element("h3", {}, `The objective: ${scene.choices.objective}`), ...formulas);
  const sources = scene.code.map((one) => element("details", {}, element("summary", {}, `${one.name}, ${one.file}:${one.first}`), source(one)));
  sources[0].open = true;
  $("code").replaceChildren(...sources, element("details", {}, element("summary", {}, "The networks"), element("pre", { tabIndex: 0 }, scene.networks)));
}

// The lines of a function; `line`: the number of the one that is marked.
export function source(one, line = 0) {
  const box = element("pre", { tabIndex: 0, "aria-label": one.name });
  one.lines.forEach((words, i) => {
    const at = one.first + i, number = element("span", { class: "no" }, `${String(at).padStart(4)}  `);
    box.append(element("span", { class: at === line ? "on" : "" }, number, words), "\n");
  });
  return box;
}
