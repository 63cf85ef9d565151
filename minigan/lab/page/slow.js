// Slow motion: one step as a film that the person turns by the arrow keys; numbers, formulas and lines of code are the server's.
import { fetchFrame } from "./api.js";
import { $, element } from "./page.js";

let film = null;
export const isSlow = () => film !== null;

export async function begin(events, draw, over) {
  const frames = await Promise.all([0, 1, 2].map((k) => fetchFrame(`/api/slow/${k}`)));
  film = { events, frames, draw, over, at: 0, timer: 0 };
  $("film").hidden = false;
  turn(0);
  $("film").scrollIntoView({ block: "nearest" });
}

export function end() {
  if (!film) return;
  const over = film.over;
  clearInterval(film.timer);
  film = null;
  $("film").hidden = true;
  over();
}

export function key(name) {
  if (name === "Escape") end();
  else if (name === "ArrowRight") turn(1);
  else if (name === "ArrowLeft") turn(-1);
  else return false;
  return true;
}

function run() { // event after event, until somebody stops it
  if (film.timer) { clearInterval(film.timer); film.timer = 0; } else film.timer = setInterval(() => turn(1), 1200);
  turn(0);
}

function turn(by) {
  if (!film) return;
  if (by > 0 && film.at === film.events.length - 1) { end(); return; }
  film.at = Math.max(0, film.at + by);
  const event = film.events[film.at];
  film.draw(film.frames[event.shows], event.shows > 0 ? film.frames[event.shows - 1] : null);
  const at = film.at, n = film.events.length;
  $("film").replaceChildren(
    element("div", { class: "bar" },
      element("button", { type: "button", onclick: () => turn(-1), disabled: at === 0 }, "← back"),
      element("button", { type: "button", class: "main", onclick: () => turn(1) }, at === n - 1 ? "Done" : "next →"),
      element("button", { type: "button", "aria-pressed": film.timer !== 0, onclick: run }, film.timer ? "Stop" : "Run"),
      element("button", { type: "button", onclick: end }, "Leave ", element("kbd", {}, "Esc")),
      element("span", {}, `${at + 1} of ${n}`)),
    element("p", { class: "soft" }, `${event.turn}: ${event.purpose}`),
    element("h2", {}, event.title),
    element("pre", { tabIndex: 0 }, element("span", { class: "no" }, `${event.code.place}\n`), element("span", { class: "on" }, event.code.text || "…")),
    ...event.formulas.map((f) => element("div", {}, element("h3", {}, f.of), element("pre", { tabIndex: 0 }, f.text))),
    table(event));
}

function table(event) {
  if (!event.lines.length) return "";
  const sizes = event.lines.map((line) => line.rms).filter((v) => v > 0), top = Math.max(...sizes, 1e-30);
  const heads = element("tr", {}, ...event.heads.map((head) => element("th", {}, head)), element("th"));
  const rows = event.lines.map((line) => {
    const bar = element("i");
    bar.style.width = `${line.rms > 0 ? Math.max(1, 70 * (1 + Math.log10(line.rms / top) / 5)) : 0}px`;
    const mark = line.mark ? element("b", { title: line.mark.meaning }, ` ${line.mark.sign} ${line.mark.meaning}`) : null;
    return element("tr", {}, ...line.cells.map((cell) => element("td", {}, cell)), element("td", {}, line.rms === null ? null : bar, mark));
  });
  return element("div", { class: "wide", tabIndex: 0, role: "region", "aria-label": "Numbers of this event" }, element("table", {}, heads, ...rows));
}
