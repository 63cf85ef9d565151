// Drawing: strokes of a mouse, a finger or the keys are collected, and sent when the person wants to train on them.
import { $, colour, element, prepare } from "./page.js";

const state = { on: false, strokes: [], erasing: false, stroke: null, cursor: [512, 512], down: false };

export function drawing(hello, send) {
  const places = hello.places, canvas = $("picture");
  for (const name of Object.keys(hello.shapes)) $("shape").append(element("option", { value: name }, name));
  const place = (event) => {
    const box = canvas.getBoundingClientRect(), clip = (v) => Math.max(0, Math.min(places - 1, Math.round(v * places)));
    return [clip((event.clientX - box.left) / box.width), clip(1 - (event.clientY - box.top) / box.height)];
  };
  const begin = (at) => { state.stroke = [state.erasing ? -$("width").value : +$("width").value, ...at]; state.strokes.push(state.stroke); sketch(places); };
  const extend = (at) => { const s = state.stroke, n = s.length; if (Math.hypot(at[0] - s[n - 2], at[1] - s[n - 1]) > 6) { s.push(...at); sketch(places); } };
  canvas.addEventListener("pointerdown", (e) => { if (state.on) { canvas.setPointerCapture(e.pointerId); begin(place(e)); e.preventDefault(); } });
  canvas.addEventListener("pointermove", (e) => { if (state.on && state.stroke) extend(place(e)); });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { if (state.on) state.stroke = null; });
  canvas.addEventListener("keydown", (e) => { if (state.on) keys(e, places, begin, extend); });
  $("draw").addEventListener("click", () => toggle(!state.on, places));
  $("eraser").addEventListener("click", () => { state.erasing = !state.erasing; $("eraser").setAttribute("aria-pressed", state.erasing); });
  $("clear").addEventListener("click", () => { state.strokes = []; sketch(places); });
  $("shape").addEventListener("change", () => { state.strokes = structuredClone(hello.shapes[$("shape").value] ?? []); sketch(places); });
  $("done").addEventListener("click", async () => { if (await send(state.strokes)) toggle(false, places); });
  addEventListener("resize", () => state.on && sketch(places));
}

export const isDrawing = () => state.on;

function toggle(on, places) {
  Object.assign(state, { on, stroke: null, down: false });
  $("pen").hidden = !on;
  $("words").hidden = on;
  $("picture").classList.toggle("drawing", on);
  $("draw").setAttribute("aria-pressed", on);
  $("draw").textContent = on ? "Stop drawing" : "Draw your own";
  if (on) { sketch(places); $("picture").focus(); } else $("picture").dispatchEvent(new Event("redraw"));
}

function keys(event, places, begin, extend) {
  const by = { ArrowLeft: [-16, 0], ArrowRight: [16, 0], ArrowUp: [0, 16], ArrowDown: [0, -16] }[event.key];
  if (by) {
    state.cursor = state.cursor.map((v, i) => Math.max(0, Math.min(places - 1, v + by[i])));
    if (state.down) extend(state.cursor);
  } else if (event.key === " ") {
    state.down = !state.down;
    if (state.down) begin(state.cursor); else state.stroke = null;
  } else if (event.key === "+" || event.key === "-") $("width").value = +$("width").value + (event.key === "+" ? 10 : -10);
  else return;
  event.preventDefault();
  event.stopPropagation();
  sketch(places);
}

function sketch(places) {
  const { context: c, w: S } = prepare($("picture")), at = (x, y) => [(x / places) * S, (1 - y / places) * S];
  c.lineCap = c.lineJoin = "round";
  for (const [width, ...points] of state.strokes) {
    c.strokeStyle = width > 0 ? colour("real-dot") : colour("paper");
    c.lineWidth = Math.max(2, (Math.abs(width) / places) * S);
    c.beginPath();
    c.moveTo(...at(points[0], points[1]));
    for (let i = 0; i < points.length; i += 2) c.lineTo(...at(points[i] + 0.5, points[i + 1])); // half a place on: a line of no length is not drawn
    c.stroke();
  }
  if (document.activeElement === $("picture")) {
    const [x, y] = at(...state.cursor);
    c.strokeStyle = colour("ink"); c.lineWidth = 1.5; c.beginPath(); c.arc(x, y, 7, 0, 7); if (state.down) { c.moveTo(x - 3, y); c.lineTo(x + 3, y); } c.stroke();
  }
  if (!state.strokes.length) { c.fillStyle = colour("soft"); c.font = "15px system-ui, sans-serif"; c.textAlign = "center"; c.fillText("Draw where real points shall be: mouse, finger, or arrow keys and space.", S / 2, S / 2); c.textAlign = "left"; }
}
