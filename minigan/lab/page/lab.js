// The lab: asks for pictures, shows them, sends orders. Nothing is calculated here that minigan computes.
import { ask, enter, fetchFrame, newestOnly, onPreset } from "./api.js";
import { code } from "./code.js";
import { drawing, isDrawing } from "./draw.js";
import { bars, curves, health, numbers } from "./numbers.js";
import { $, dialog, element, number, notice, whole } from "./page.js";
import { scale, show, way } from "./plane.js";
import { rooms } from "./runs.js";
import { refused, settings } from "./settings.js";
import { keys, presets, share, unpacked } from "./share.js";
import * as slow from "./slow.js";

let hello = null, scene = null, frame = null, dragging = false, cutting = false, spoken = 0;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

async function order(what, name = "") {
  try {
    const answer = await ask("/api/order", cutting ? { ...what, cut: true } : what);
    notice("");
    return answer;
  } catch (error) {
    if (error.status === 409 && error.message === "cut") return cut(what, name);
    if (error.status === 422 && name) refused(error.message, name, scene);
    else notice(error.message);
    return null;
  }
}

async function cut(what, name) { // a change in the past makes another future: asked once
  const words = `You went back to step ${whole(frame.step)}. A change here makes another future: steps up to ${whole(frame.reached)} are forgotten.`;
  cutting = await dialog("Change the past?", [element("p", {}, words)], [["Leave it", false], ["Change it", true]]) === true;
  return cutting ? order(what, name) : null;
}

// One picture is asked for when the last one has been drawn: a slow browser slows nobody down, a hidden page asks for none.
async function watch() {
  for (let n = 0, closed = false; ;) {
    while (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    await new Promise(requestAnimationFrame);
    if (calm.matches && frame) await new Promise((done) => setTimeout(done, 500));
    const next = await fetchFrame(`/api/frame?after=${n}`).catch(async (error) => {
      closed = true;
      notice(error.message, 0);
      await new Promise((done) => setTimeout(done, 2000));
      if (error.status !== 403) n = 0; // a lab that was started again counts from 1
      return null;
    });
    if (next === null) continue;
    if (closed) { closed = false; notice(""); }
    n = next.number;
    if (!scene || next.scene !== scene.number) await load();
    frame = next;
    if (!slow.isSlow()) update();
  }
}

async function load() {
  scene = await fetchFrame("/api/scene");
  if (scene.layers) for (const box of document.querySelectorAll("[data-layer]")) box.checked = scene.layers.includes(box.dataset.layer);
  settings(hello, scene, set, choose);
  code(scene);
  const best = document.querySelector("[data-layer=best]");
  best.disabled = !scene.logit;
  best.closest("label").title = scene.logit ? "What the best possible D would answer: p / (p + q); shown at rest" : "For objectives with probabilities only";
  const { title, question, look_for: look } = scene.lesson;
  $("lesson-card").hidden = !(title || question);
  const [head, ask_, answer] = $("lesson-card").children;
  head.textContent = title; ask_.textContent = question; answer.textContent = look; answer.hidden = true;
  $("lesson").value = String(hello.lessons.findIndex((lesson) => lesson.title === title));
  if ($("lesson").selectedIndex < 0) $("lesson").value = "";
}

const draw = (picture, ghost = null) => { if (!isDrawing()) show(scene, picture, ghost); };

function update() {
  draw(frame);
  numbers(scene, frame); curves(frame); health(frame, go); bars(frame);
  const play = document.querySelector("[data-do=play] b");
  play.textContent = frame.playing ? "Pause" : "Play";
  for (const name of ["d", "slow"]) document.querySelector(`[data-do=${name}]`).disabled = name === "d" && !scene.trains_d;
  $("time").max = frame.reached;
  if (!dragging) $("time").value = frame.step;
  const rate = frame.playing ? ` · ${whole(Math.round(frame.rate))}/s` : "";
  $("time-text").textContent = frame.target === null ? `step ${whole(frame.step)}${rate}` : `step ${whole(frame.step)} → ${whole(frame.target)}`;
  $("ghost").hidden = frame.step > 0 || frame.part > 0 || isDrawing();
  $("ghost").textContent = "G turns random numbers into the orange points. D learns which points are real (blue rings), G learns to generate points that D takes for real. Press play.";
  if (frame.halted) notice(frame.halted, 0);
  if (!$("lesson-card").hidden && scene.lesson.look_for) $("lesson-card").children[2].hidden = !frame.lesson_done;
  if (performance.now() - spoken > 5000 || !frame.playing) { spoken = performance.now(); if ($("words").textContent !== frame.words) $("words").textContent = frame.words; }
}

const set = async (name, value) => { if (await order({ do: "set", name, value }, name)) load(); };
const go = (step) => order({ do: "go", step });

// Another objective takes its own recipe; a lesson begins from its preset.
async function choose({ objective, data }) {
  const now = JSON.parse((await ask("/api/preset")).text);
  const choices = objective ? { objective } : now.choices;
  const begun = await order({ do: "new", preset: { lab: 1, choices, data: data ? { name: data } : now.data, seed: now.seed } }, "objective");
  if (!begun) settings(hello, scene, set, choose);
}

async function act(what) {
  if (slow.isSlow()) slow.end();
  if (what === "play") return order({ do: frame?.playing ? "pause" : "play" });
  if (what === "seed") return order({ do: "again", seed: scene.seed + 1 });
  const answer = await order({ do: what });
  if (what === "slow" && answer) await slow.begin(answer.events, draw, update);
  return answer;
}

function listen() {
  document.addEventListener("click", (e) => { const b = e.target.closest("[data-do]"); if (b) act(b.dataset.do); });
  document.addEventListener("change", (e) => { if (e.target.dataset.layer && frame) draw(frame); });
  $("picture").addEventListener("redraw", () => frame && update());
  addEventListener("resize", () => frame && !slow.isSlow() && update());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => frame && setTimeout(update));
  $("share").addEventListener("click", () => share().catch((error) => notice(error.message)));
  $("keys").addEventListener("click", keys);
  $("lesson").addEventListener("change", () => { const lesson = hello.lessons[$("lesson").value]; if (lesson) order({ do: "new", preset: lesson }); });
  const goNewest = newestOnly(go);
  $("time").addEventListener("input", () => { dragging = true; $("time-text").textContent = `step ${whole(+$("time").value)}`; });
  $("time").addEventListener("change", () => { dragging = false; goNewest(+$("time").value); });
  const pace = newestOnly((value) => order({ do: "speed", value }));
  $("speed").addEventListener("input", () => {
    const v = +$("speed").value, perSecond = v >= 100 ? 0 : Math.round(10 ** (v / 43.5)); // 1 to about 200
    $("speed-text").textContent = perSecond ? `${perSecond}/s` : "full";
    $("speed").setAttribute("aria-valuetext", perSecond ? `${perSecond} steps a second` : "as fast as it can be");
    pace(perSecond);
  });
  document.addEventListener("keydown", onKey);
  const point = newestOnly(at);
  $("picture").addEventListener("pointermove", (e) => { if (!isDrawing() && frame && !frame.playing) point([e.offsetX, e.offsetY]); });
  $("picture").addEventListener("pointerleave", () => { $("here").hidden = true; });
}

async function at([px, py]) { // what D makes of a place, by the server
  const S = $("picture").clientWidth, w = scene.window, unit = scale(S, w).X(1) - scale(S, w).X(0);
  const found = await ask("/api/order", { do: "at", x: px / unit - w, y: w - py / unit }).catch(() => null);
  if (!found) return;
  const parts = [`(${number(found.x, 2)}, ${number(found.y, 2)})`];
  if (found.opinion !== null) parts.push(`D: ${number(found.opinion, 3)}`);
  draw(frame);
  if (found.z) {
    way(scene, found.way);
    parts.push(`from z = (${found.z.slice(0, 4).map((v) => number(v, 2)).join(", ")}), pull ${number(found.pull, 2)}`);
  }
  $("here").textContent = parts.join("  ");
  $("here").hidden = false;
}

function onKey(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || $("dialog").open || $("plane-room").hidden) return;
  if (slow.isSlow() && slow.key(e.key)) { e.preventDefault(); return; }
  if (/^(SELECT|INPUT|TEXTAREA)$/.test(e.target.tagName) || (e.target.tagName === "BUTTON" && e.key === " ") || localStorage.getItem("keys") === "off" || isDrawing()) return;
  if (e.key === "?") { keys(); return; }
  if (e.key === "p") { document.body.classList.toggle("projector"); update(); return; }
  const name = { " ": "play", s: "step", S: "slow", d: "d", g: "g", r: "again" }[e.key];
  if (name) { e.preventDefault(); act(name); }
}

async function start() {
  await enter();
  try { hello = await ask("/api/hello"); } catch (error) { notice(error.message, 0); return; }
  hello.lessons.forEach((lesson, i) => $("lesson").append(element("option", { value: String(i) }, `${i + 1} ${lesson.title}`)));
  listen();
  rooms(hello);
  drawing(hello, (strokes) => order({ do: "draw", strokes }));
  presets((preset) => order({ do: "new", preset }));
  onPreset((text) => unpacked(text).then((preset) => order({ do: "new", preset }), () => notice("The preset in this link is damaged.")));
  watch();
}

start();
