// A saved run: sliders through its latent space, walks, conditions, nearest images, where D looks. All pictures are the server's.
import { fetchFrame, newestOnly } from "./api.js";
import { $, element, notice, number, whole } from "./page.js";
import { grid, picture, points, signed } from "./pictures.js";
import { quiz } from "./quiz.js";

const wish = { seed: 0, offsets: [], walk: null };
let run = null, ways = null;

export function rooms(hello) {
  const room = (name, k) => element("button", { type: "button", onclick: () => enter(hello, k) }, name);
  $("rooms").replaceChildren(room("The plane", -1), ...hello.runs.map((one) => room(one.name, one.number)));
  enter(hello, hello.runs.length ? 0 : -1);
}

function enter(hello, k) {
  [...$("rooms").children].forEach((button, i) => (i - 1 === k ? button.setAttribute("aria-current", "page") : button.removeAttribute("aria-current")));
  $("plane-room").hidden = k >= 0;
  $("run-room").hidden = k < 0;
  for (const id of ["lesson", "share"]) (id === "lesson" ? $(id).parentElement : $(id)).hidden = k >= 0;
  if (k < 0) { dispatchEvent(new Event("resize")); return; }
  run = hello.runs[k];
  for (const name of Object.keys(wish)) delete wish[name];
  Object.assign(wish, { seed: 0, offsets: [], walk: null });
  ways = null;
  scrollTo(0, 0);
  build();
}

const ask = (what, more = {}) => {
  const asked = { ...wish, ...more };
  return fetchFrame(`/api/runs/${run.number}/${what}`, asked);
};
const failed = (error) => { if (error.status !== 409) notice(error.message); };

function build() {
  const title = element("p", { class: "soft", id: "run-title" }, `${run.name}: ${run.system}${run.model ? `, ${run.model}` : ""}${run.objective ? `, ${run.objective}` : ""}, ${run.data}, step ${whole(run.step)}`);
  const room = $("run-room");
  if (run.kind === "rows") { room.replaceChildren(title, rowsCard()); return; }
  if (run.kind === "points") { room.replaceChildren(title, pointsCard()); return; }
  room.replaceChildren(title, element("div", { id: "explorer" }, sampleCard(), element("div", { id: "right" }, waysCard(), conditionsCard(), walkCard(), sheetCard(), quiz(ask, failed))));
  conditions();
  refresh();
  findWays();
}

function sampleCard() {
  const seed = element("input", { id: "seed", type: "number", min: 0, step: 1, value: 0, onchange: () => go(+seed.value) });
  return element("article", { class: "card", id: "sample-card" },
    element("canvas", { id: "sample", role: "img", "aria-label": "The sample" }),
    element("p", { id: "opinion", "aria-live": "polite" }, "…"),
    element("div", { class: "bar" },
      element("label", { class: "field" }, "seed", seed),
      element("button", { type: "button", class: "main", onclick: () => go(wish.seed + 1) }, "Another sample"),
      element("button", { type: "button", onclick: center }, "Sliders to 0"),
      element("button", { type: "button", onclick: save }, "Save .png")),
    element("div", { class: "bar" },
      element("button", { type: "button", id: "why", onclick: why }, "Where D looks"),
      element("button", { type: "button", id: "near", onclick: near }, "Nearest training images")),
    element("div", { id: "answer", "aria-live": "polite" }));
}

function waysCard() {
  return element("article", { class: "card", id: "ways-card" }, element("h2", {}, "What changes most"),
    element("p", { class: "soft" }, `Directions in ${run.space}: principal components of the pictures, led back to ${run.space} by least squares. The percentage is the share of all change.`),
    element("div", { id: "ways" }, element("p", { class: "soft waiting" }, "Finding directions … about two seconds")));
}

function walkCard() {
  const to = element("input", { id: "to", type: "number", min: 0, step: 1, value: 1, onchange: walk });
  const t = element("input", { id: "t", type: "range", min: 0, max: 1, step: 0.01, value: 0, oninput: walk, "aria-label": "From A to B" });
  return element("article", { class: "card" }, element("h2", {}, "Walk from A to B"),
    element("div", { id: "walk" }, element("canvas", { id: "from-picture", "aria-label": "A" }), t, element("canvas", { id: "to-picture", "aria-label": "B" })),
    element("label", { class: "field" }, "B is seed", to), element("span", { class: "soft" }, run.space === "w" ? " straight in w" : " on a great circle in z"));
}

function conditionsCard() {
  const card = element("article", { class: "card", id: "conditions", hidden: true }, element("h2", {}, "Conditions"));
  const add = (words, input) => { card.hidden = false; card.append(element("label", { class: "field" }, words, input)); };
  const change = (name, read) => () => { wish[name] = read(); conditions(); refresh(); findWays(); };
  if (run.classes?.length) {
    const select = element("select", { id: "class" }, ...run.classes.map((name, i) => element("option", { value: i }, name)));
    select.addEventListener("change", change("class", () => +select.value));
    add("class", select);
  }
  if (run.age) {
    const [low, , middle, , high] = run.age.knots, range = element("input", { type: "range", min: low, max: high, step: "any", value: middle });
    range.addEventListener("input", () => { wish.age = Math.min(high, Math.max(low, +range.value)); refresh(); });
    add(run.age.name, range);
  }
  if (run.texts) {
    const text = element("input", { type: "text", id: "text", value: run.texts[0], maxLength: 200 });
    text.addEventListener("change", change("text", () => text.value));
    add("text", text);
  }
  if (run.layers) {
    const psi = element("input", { type: "range", min: -1, max: 1.5, step: 0.05, value: 1, id: "psi" }), out = element("output", {}, "1");
    psi.addEventListener("input", () => { wish.psi = +psi.value; out.textContent = number(wish.psi, 2); refresh(); });
    card.append(element("label", { class: "field" }, "truncation ψ", psi, out));
    const layer = element("select", { id: "mix" }, element("option", { value: "" }, "none"), ...Array.from({ length: run.layers }, (_, i) => element("option", { value: i }, `from layer ${i}`)));
    layer.addEventListener("change", () => { wish.mix = layer.value === "" ? undefined : { seed: +$("to").value, layer: +layer.value }; refresh(); });
    add("styles of B", layer);
    const noise = element("select", {}, ...["fixed", "random", "none"].map((name) => element("option", {}, name)));
    noise.addEventListener("change", () => { wish.noise = noise.value; refresh(); });
    add("noise", noise);
  }
  return card;
}

function conditions() { $("answer")?.replaceChildren(); sheet(); ends(); }

function sheetCard() {
  return element("article", { class: "card", id: "sheet-card" }, element("h2", {}, "Samples"), element("p", { class: "soft" }, "Click one to make it A; with shift, B."), element("div", { id: "sheet", class: "tiles" }));
}

const refresh = newestOnly(async () => {
  try {
    const frame = await ask("sample");
    picture($("sample"), frame.arrays.pictures, frame.shapes.pictures);
    const d = frame.opinion, parts = [];
    if (d) parts.push(`D's ${d.kind}: ${number(d.value, 2)}${d.kind === "probability" ? " that it is real" : ""}`);
    if (frame.square !== undefined) parts.push(`|z|² = ${number(frame.square, 3)}, usual ${number(frame.usual[0], 3)} to ${number(frame.usual[1], 3)}${frame.seen ? "" : ": G has never seen such a z"}`);
    $("opinion").textContent = parts.join(" · ");
    $("sample-card").classList.toggle("unseen", frame.seen === false);
  } catch (error) { failed(error); }
});

function go(seed) {
  if (!(seed >= 0)) return;
  Object.assign(wish, { seed, walk: null });
  $("seed").value = seed;
  $("t").value = 0;
  $("answer").replaceChildren();
  refresh(); ends(); showEnds();
}

function center() {
  wish.offsets = wish.offsets.map(() => 0);
  for (const input of $("ways").querySelectorAll("input")) { input.value = 0; }
  refresh();
}

function walk() {
  const t = +$("t").value, to = +$("to").value;
  if (!(to >= 0)) return;
  wish.walk = t > 0 ? { seed: to, t } : null;
  if (wish.mix) wish.mix.seed = to;
  refresh(); ends();
}

let endsOf = "";
async function ends() { // the two pictures of the walk
  const key = JSON.stringify([run.number, wish.seed, $("to").value, wish.class, wish.text]);
  if (key === endsOf) return;
  endsOf = key;
  try {
    for (const [seed, id] of [[wish.seed, "from-picture"], [+$("to").value, "to-picture"]]) {
      const frame = await ask("sheet", { seed, walk: null, offsets: [] });
      picture($(id), frame.arrays.pictures, [1, ...frame.shapes.pictures.slice(1)], 56);
    }
  } catch (error) { failed(error); }
}

async function findWays() {
  try {
    const frame = await ask("directions", { offsets: [], walk: null });
    ways = frame;
    wish.offsets = frame.shares.map((_, i) => wish.offsets[i] ?? 0);
    $("ways").replaceChildren(...frame.shares.flatMap((share, i) => {
      const input = element("input", { type: "range", min: -4, max: 4, step: 0.05, value: wish.offsets[i], "aria-label": `Direction ${i + 1}, ${Math.round(100 * share)} percent`, oninput: () => { wish.offsets[i] = +input.value; refresh(); } });
      return [element("canvas", { class: "end", "aria-hidden": "true" }), input, element("canvas", { class: "end", "aria-hidden": "true" }), element("span", {}, `${Math.round(100 * share)} %`)];
    }));
    drawEnds(frame);
  } catch (error) {
    failed(error);
    if (error.status !== 409) $("ways").replaceChildren(element("p", { class: "error" }, error.message));
  }
}

async function showEnds() { // the pictures at both ends of each slider, of another sample
  if (!ways) return;
  try { drawEnds(await ask("directions", { offsets: [], walk: null })); } catch (error) { failed(error); }
}

function drawEnds(frame) {
  const shape = frame.shapes.ends, size = shape[1] * shape[2] * shape[3];
  document.querySelectorAll("#ways .end").forEach((canvas, i) => picture(canvas, frame.arrays.ends.subarray(i * size, (i + 1) * size), [1, ...shape.slice(1)], 40));
}

async function sheet() {
  try {
    const frame = await ask("sheet", { seed: 0, walk: null, offsets: [] });
    grid($("sheet"), frame.arrays.pictures, frame.shapes.pictures, 52, (i, event) => {
      if (event.shiftKey) { $("to").value = frame.seeds[i]; walk(); } else go(frame.seeds[i]);
    }, (i) => `Sample of seed ${frame.seeds[i]}`);
  } catch (error) { failed(error); }
}

async function why() {
  $("answer").replaceChildren(element("p", { class: "soft waiting" }, "Asking D …"));
  try {
    const frame = await ask("why");
    const [slope, covered] = [element("canvas"), element("canvas")];
    $("answer").replaceChildren(element("h3", {}, "What would change D's mind, not why it thinks so"),
      element("div", { class: "pair-of" }, element("figure", {}, slope, element("figcaption", {}, "Blue: brighter here would convince D more; orange: darker.")),
        element("figure", {}, covered, element("figcaption", {}, "Blue: D is less convinced when a grey square covers this place."))),
      frame.note ? element("p", { class: "soft" }, frame.note) : "");
    signed(slope, frame.arrays.slope, frame.shapes.slope, frame.top, frame);
    signed(covered, frame.arrays.covered, frame.shapes.covered, frame.most, frame);
  } catch (error) { $("answer").replaceChildren(); failed(error); }
}

async function near() {
  $("answer").replaceChildren(element("p", { class: "soft waiting" }, "Searching the training images …"));
  try {
    const frame = await ask("near"), box = element("div", { class: "tiles" });
    grid(box, frame.arrays.pictures, frame.shapes.pictures, 62, null, (i) => `Training image at distance ${number(frame.distances[i])}`);
    [...box.children].forEach((tile, i) => tile.append(element("small", {}, number(frame.distances[i]))));
    $("answer").replaceChildren(element("h3", {}, "The nearest training images"), box,
      element("p", { class: "soft" }, `Distance in pixels, of ${whole(frame.searched)} images. Between a real image and the nearest other one it is ${number(frame.usual)} in the median; a copy has almost 0.`));
  } catch (error) { $("answer").replaceChildren(); failed(error); }
}

function save() {
  $("sample").toBlob((blob) => {
    const address = URL.createObjectURL(blob);
    element("a", { href: address, download: `${run.name}-${wish.seed}.png` }).click();
    URL.revokeObjectURL(address);
  });
}

function rowsCard() {
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

function pointsCard() {
  const canvas = element("canvas", { id: "cloud", role: "img", "aria-label": "Real and generated points" });
  ask("sample").then((frame) => points(canvas, frame.arrays), failed);
  return element("article", { class: "card" }, element("h2", {}, "2,000 generated points, and real ones as rings"), canvas);
}
