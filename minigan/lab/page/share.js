// A session as a file, a command or a link; lessons; the keys. None of them contains the secret.
import { ask } from "./api.js";
import { dialog, element, notice } from "./page.js";

export async function share() {
  const preset = await ask("/api/preset");
  const field = (words, value) => element("label", {}, words, element("input", { type: "text", readOnly: true, value, onfocus: (e) => e.target.select() }));
  const content = [
    element("p", {}, `The session up to step ${preset.step.toLocaleString("en")}, with all that was changed: it repeats bit for bit.`),
    field("As a command", `minigan lab --preset ${preset.packed}`),
    field("As a link, for the address bar of an open lab", `${location.origin}/#p=${preset.packed}`),
  ];
  const chosen = await dialog("Share this session", content, [["Open a file …", "open"], ["Close", null], ["Save as a file", "save"]]);
  if (chosen === "save") {
    const address = URL.createObjectURL(new Blob([preset.text], { type: "application/json" }));
    element("a", { href: address, download: "minigan-lab.json" }).click();
    URL.revokeObjectURL(address);
  }
  if (chosen === "open") element("input", { type: "file", accept: ".json", onchange: (e) => read(e.target.files[0]) }).click();
}

let load = null;
export function presets(begin) {
  load = begin;
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("drop", (e) => { e.preventDefault(); if (e.dataTransfer.files.length) read(e.dataTransfer.files[0]); });
}

async function read(file) {
  if (file.size > 64 * 1024) { notice("A preset may have 64 kB: this file is larger."); return; }
  try { load(JSON.parse(await file.text())); } catch { notice(`${file.name} is not a preset: it is not JSON.`); }
}

// The text of a link: p1. is compressed, p0. is not; minigan/lab/presets.py writes it.
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.slice(3).replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  if (text.startsWith("p0.")) return JSON.parse(new TextDecoder().decode(bytes));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  let size = 0;
  const parts = [];
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > 64 * 1024) throw new Error("too large");
    parts.push(value);
  }
  return JSON.parse(await new Blob(parts).text());
}

const KEYS = [["space", "play, pause"], ["s", "one step"], ["d", "one turn of D"], ["g", "one turn of G"], ["⇧ s", "one step in slow motion"], ["r", "again from the same seed"], ["p", "letters for a projector"], ["← →", "in slow motion: back, next"], ["Esc", "leave slow motion"], ["?", "this list"]];
export async function keys() {
  const on = localStorage.getItem("keys") !== "off";
  const list = element("dl", {}, ...KEYS.flatMap(([key, words]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, words)]));
  const chosen = await dialog("Keys", [list, element("p", { class: "soft" }, "Drawing: arrows move the pen, space puts it down and lifts it, + and − change its width.")], [[on ? "Switch keys off" : "Switch keys on", "switch"], ["Close", null]]);
  if (chosen === "switch") localStorage.setItem("keys", on ? "off" : "on");
}
