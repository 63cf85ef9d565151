// Runs without a latent space to move in: those that turn images into images, and points.
import { element } from "./page.js";
import { grid, points } from "./pictures.js";

export function rowsCard(ask) {
  const box = element("div", { id: "rows" }, element("p", { class: "soft waiting" }, "Turning held-out images …"));
  ask("sheet").then((frame) => {
    const parts = Object.keys(frame.arrays).map((name) => rowsOf(frame, name));
    box.replaceChildren(...parts);
  }, (error) => box.replaceChildren(element("p", { class: "error" }, error.message)));
  return element("article", { class: "card" }, element("h2", {}, "Images that were not trained on, and what became of them"), box);
}

function rowsOf(frame, name) {
  const [rows, n, h, w, c] = frame.shapes[name], size = n * h * w * c;
  return element("div", { class: "wide" }, ...Array.from({ length: rows }, (_, i) => {
    const line = element("div", { class: "tiles one-line" });
    grid(line, frame.arrays[name].subarray(i * size, (i + 1) * size), [n, h, w, c], Math.max(56, h), null, (k) => `${frame.labels[name][i] ?? "row"} ${k + 1}`);
    return element("div", { class: "row" }, element("span", { class: "soft" }, frame.labels[name][i] ?? ""), line);
  }));
}

export function pointsCard(ask, failed) {
  const canvas = element("canvas", { id: "cloud", role: "img", "aria-label": "Real and generated points" });
  ask("sample").then((frame) => points(canvas, frame.arrays), failed);
  return element("article", { class: "card" }, element("h2", {}, "2,000 generated points, and real ones as rings"), canvas);
}
