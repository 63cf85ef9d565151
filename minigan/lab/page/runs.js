// A saved run: sliders through its latent space, walks, conditions, nearest images, where D looks. All pictures are the server's.
import { fetchFrame, newestOnly } from "./api.js";
import { conditionsCard } from "./conditions.js";
import { pointsCard, rowsCard } from "./others.js";
import { $, element, notice, number, whole } from "./page.js";
import { grid, picture, signed } from "./pictures.js";
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

const ask = (what, more = {}) => fetchFrame(`/api/runs/${run.number}/${what}`, { ...wish, ...more });
const failed = (error) => { if (error.status !== 409) notice(error.message); };

function build() {
  const title = element("p", { class: "soft", id: "run-title" }, `${run.name}: ${run.system}${run.model ? `, ${run.model}` : ""}${run.objective ? `, ${run.objective}` : ""}, ${run.data}, step ${whole(run.step)}`);
  const room = $("run-room");
  if (run.kind === "rows") { room.replaceChildren(title, rowsCard(ask)); return; }
  if (run.kind === "points") { room.replaceChildren(title, pointsCard(ask, failed)); return; }
  room.replaceChildren(title, element("div", { id: "explorer" }, sampleCard(), element("div", { id: "right" }, waysCard(), conditionsCard(run, anew, only), walkCard(), sheetCard(), quiz(ask, failed))));
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

function anew(name, value) { wish[name] = value; conditions(); refresh(); findWays(); }
function only(name, value) { wish[name] = value; refresh(); }

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
  refresh(); ends(); if (ways) findWays();
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
    const { arrays, shapes } = await ask("ends", { walk: { seed: +$("to").value, t: 0 } });
    picture($("from-picture"), arrays.pictures, shapes.pictures, 56);
    picture($("to-picture"), arrays.pictures, shapes.pictures, 56, arrays.pictures.length / 2);
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
