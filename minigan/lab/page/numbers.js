// The numbers, the curves, the health of a session, the gradients layer by layer.
import { $, colour, element, number, prepare, whole } from "./page.js";

const JS_TIP = "Jensen-Shannon divergence of histograms of 24 x 24 cells, in bits: 0 where both agree, 1 where they share no cell.";
const FRECHET_TIP = "Compares mean and covariance only: a ring with two lost clusters can score like a full one.";
const KL_TIP = "KL(data || generated) on the same cells, with 0.0001 added to each: it grows where G has no points.";
const BOUND_TIP = "(log 4 - L) / (2 log 2), L = D's loss without penalty: a D that is good proves that JS is at least this large.";
const fixed = (value) => (value === null ? "–" : value.toFixed(2));
const made = new Map(); // boxes by title: only their texts change, so that nothing trembles

function box(title, tip, main, small) {
  if (!made.has(title)) {
    const [dd, note] = [element("dd"), element("small")];
    const whole = element("div", { title: tip ?? "" }, element("dt", {}, title), dd);
    made.set(title, { whole, dd, note });
  }
  const known = made.get(title);
  known.dd.replaceChildren(...[].concat(main), known.note);
  known.note.textContent = small ?? "";
  return known.whole;
}

export function numbers(scene, frame) {
  const r = frame.readings, span = (kind, value) => element("span", { class: kind }, number(value, Math.abs(value) < 1 ? 2 : 3));
  const rows = [];
  const reach = frame.reach;
  if (reach && "of" in reach) rows.push(box("clusters found", "Gaussians with at least 5 % of their share of good points", `${reach.found} of ${reach.of}`, `${Math.round(100 * reach.good)} % of the points are good`));
  else if (reach) rows.push(box("drawing reached", "Weight of the cells that have at least 5 % of the points that belong there", `${Math.round(100 * reach.share)} %`, `${Math.round(100 * reach.good)} % of the points lie on it`));
  else rows.push(box("clusters found", "", "–", "the points are not finite"));
  rows.push(box("JS, in bits", JS_TIP, fixed(frame.js), `4,000 real points: ${fixed(frame.floor)}`));
  rows.push(box("loss of D and of G", "", [span("d", r.d_loss), " · ", span("g", r.g_loss)], `${r.d_real === undefined || !scene.opinion ? "" : `D: real ${number(r.d_real, 2)}, generated ${number(r.d_fake, 2)}`}`));
  rows.push(box("pull on G", "Median length of the arrows' gradients, and what it was in the first 50 steps", number(frame.pull.median, 2), `usual here: ${number(frame.pull.usual, 2)}`));
  rows.push(box("KL and Fréchet", `${KL_TIP} Fréchet: ${FRECHET_TIP}`, `${number(frame.kl, 2)} · ${number(frame.frechet, 2)}`, "bits · distance of Gaussians"));
  if (frame.js_by_loss !== undefined) rows.push(box("JS by D's loss", BOUND_TIP, `≥ ${fixed(frame.js_by_loss)}`, "what D's own loss proves"));
  $("numbers").replaceChildren(...rows);
}

export function curves(frame) {
  const { context: c, w, h } = prepare($("curves")), a = frame.arrays.curve, n = a.length / 3;
  const values = [];
  for (let i = 0; i < n; i++) for (const k of [1, 2]) if (Number.isFinite(a[3 * i + k])) values.push(a[3 * i + k]);
  c.font = "11px system-ui, sans-serif"; c.fillStyle = colour("soft");
  if (values.length < 2) { c.fillText("The losses appear here as soon as it trains.", 0, h / 2); return; }
  values.sort((x, y) => x - y);
  const at = (share) => values[Math.min(values.length - 1, Math.floor(share * values.length))];
  const low = at(0.005), high = Math.max(at(0.995), low + 1e-6), first = a[0], last = Math.max(a[3 * (n - 1)], first + 1);
  const left = 34, X = (s) => left + ((s - first) / (last - first)) * (w - left - 4), Y = (v) => h - 18 - ((v - low) / (high - low)) * (h - 30);
  c.strokeStyle = colour("line"); c.lineWidth = 1;
  c.textAlign = "right";
  for (const v of [low, high]) { c.beginPath(); c.moveTo(left, Y(v)); c.lineTo(w, Y(v)); c.stroke(); c.fillText(number(v, 2), left - 5, Y(v) + 4); }
  c.fillText(`step ${whole(last)}`, w - 2, h - 3);
  for (const [k, name, dash] of [[1, "real-dot", []], [2, "fake-dot", [5, 3]]]) {
    c.strokeStyle = colour(name); c.setLineDash(dash); c.lineWidth = 1.4; c.beginPath();
    let pen = false;
    for (let i = 0; i < n; i++) {
      const v = a[3 * i + k];
      if (!Number.isFinite(v)) { pen = false; continue; }
      const y = Math.max(4, Math.min(h - 14, Y(v)));
      if (pen) c.lineTo(X(a[3 * i]), y); else c.moveTo(X(a[3 * i]), y);
      pen = true;
    }
    c.stroke();
  }
  c.setLineDash([]); c.textAlign = "left";
}

let shownHealth = "";
export function health(frame, go) {
  const key = JSON.stringify([frame.health, frame.active, frame.step > 0]);
  if (key === shownHealth) return;
  shownHealth = key;
  const line = (entry) => element("p", {}, element("button", { type: "button", title: "Go back to this step", onclick: () => go(entry.step) }, `step ${whole(entry.step)}`), ` ${entry["says"]} ${entry.remedy}`);
  const begun = frame.health.filter((entry) => entry.state === "begins").reverse();
  const parts = frame.active.length
    ? frame.active.slice(-3).reverse().map((words) => element("p", { class: "ill" }, `▲ ${words}`))
    : [element("p", { class: "well" }, frame.step ? "✓ Health: nothing unusual." : "Nothing has been trained yet.")];
  if (begun.length) parts.push(element("details", {}, element("summary", {}, `${begun.length} found so far`), ...begun.map(line)));
  $("health").replaceChildren(...parts);
}

export function bars(frame) {
  if (!frame.layers.length) { $("bars").replaceChildren(element("p", { class: "soft" }, "They appear after the first turn.")); return; }
  const rows = [];
  for (const [name, rms] of frame.layers) {
    const part = rms > 0 ? Math.max(1, Math.min(100, 100 * (1 + Math.log10(rms) / 6))) : 0;
    rows.push(element("span", {}, name), element("i", { class: name.startsWith("G") ? "g" : "" }), element("span", {}, rms > 0 ? number(rms, 2) : "∅ zero"));
    rows.at(-2).style.width = `${part}%`;
  }
  $("bars").replaceChildren(...rows);
  $("units").textContent = frame.units;
}
