// The picture of the plane: heat, sheet, generated points, arrows, real points. Arrays come finished from the server.
import { $, colour, prepare, rgb, number } from "./page.js";

const shown = (layer) => document.querySelector(`[data-layer=${layer}]`).checked;
const small = document.createElement("canvas");

export const scale = (S, window) => ({ X: (x) => ((x + window) / (2 * window)) * S, Y: (y) => ((window - y) / (2 * window)) * S });

export function show(scene, frame, ghost = null) {
  const { context: c, w: S } = prepare($("picture"));
  const { X, Y } = scale(S, scene.window), { arrays: a, shapes } = frame;
  const best = shown("best") && a.best;
  if (best) heat(c, a.best, shapes.best[0], S, { middle: 0.5, reach: 0.5, real: 1 });
  else if (a.heat && shown("heat")) heat(c, a.heat, shapes.heat[0], S, frame.heat);
  axes(c, S, X, Y, scene.window);
  if (ghost) { c.globalAlpha = 0.3; dots(c, ghost.arrays.fake, X, Y, colour("soft"), 1.6); c.globalAlpha = 1; }
  if (shown("sheet")) sheet(c, a.sheet, shapes.sheet, X, Y);
  if (shown("fake")) dots(c, a.fake, X, Y, colour("fake-dot"), 1.9);
  if (shown("real")) rings(c, scene.arrays.real, X, Y, colour("real-dot"), 1.9);
  if (shown("pull")) arrows(c, a.pull, X, Y);
  legend(scene, frame, best);
}

// The way of one generated point through the last pictures, to where it is now.
export function way(scene, points) {
  const canvas = $("picture"), c = canvas.getContext("2d"), { X, Y } = scale(canvas.clientWidth, scene.window), last = points.at(-1);
  c.strokeStyle = colour("ink"); c.lineWidth = 1.5;
  c.beginPath();
  for (const [x, y] of points) c.lineTo(X(x), Y(y));
  c.moveTo(X(last[0]) + 6, Y(last[1])); c.arc(X(last[0]), Y(last[1]), 6, 0, 7);
  c.stroke();
}

function heat(c, values, n, S, { middle, reach, real }) {
  const image = new ImageData(n, n), up = rgb(colour("real-dot")), down = rgb(colour("fake-dot"));
  for (let i = 0; i < values.length; i++) {
    const t = Math.max(-1, Math.min(1, (real * (values[i] - middle)) / reach)), base = t > 0 ? up : down;
    image.data[4 * i] = base[0]; image.data[4 * i + 1] = base[1]; image.data[4 * i + 2] = base[2];
    image.data[4 * i + 3] = 150 * Math.abs(t) ** 0.7 || 0;
  }
  small.width = small.height = n;
  small.getContext("2d").putImageData(image, 0, 0);
  c.imageSmoothingEnabled = true;
  c.imageSmoothingQuality = "high";
  c.drawImage(small, 0, 0, S, S);
}

function axes(c, S, X, Y, window) {
  c.fillStyle = c.strokeStyle = colour("soft");
  c.globalAlpha = 0.75; c.lineWidth = 1; c.font = "11px system-ui, sans-serif";
  for (let v = -window + 1; v < window; v++) {
    c.beginPath(); c.moveTo(X(v), S); c.lineTo(X(v), S - 4); c.moveTo(0, Y(v)); c.lineTo(4, Y(v)); c.stroke();
    if (v % 2 === 0) { c.textAlign = "center"; c.fillText(number(v), X(v), S - 7); c.textAlign = "left"; c.fillText(number(v), 7, Y(v) + 4); }
  }
  c.globalAlpha = 1;
}

function dots(c, points, X, Y, fill, r) {
  c.fillStyle = fill;
  c.beginPath();
  for (let i = 0; i < points.length; i += 2) {
    const x = X(points[i]), y = Y(points[i + 1]);
    c.moveTo(x + r, y); c.arc(x, y, r, 0, 7);
  }
  c.fill();
}

function rings(c, points, X, Y, stroke, r) {
  c.strokeStyle = stroke; c.lineWidth = 1.2;
  c.beginPath();
  for (let i = 0; i < points.length; i += 2) {
    const x = X(points[i]), y = Y(points[i + 1]);
    c.moveTo(x + r, y); c.arc(x, y, r, 0, 7);
  }
  c.stroke();
}

function sheet(c, points, shape, X, Y) {
  const [rows, columns] = shape.length === 3 ? shape : [1, shape[0]];
  c.strokeStyle = colour("ink"); c.lineWidth = 0.7; c.globalAlpha = 0.5;
  c.beginPath();
  const line = (k, l) => { c.moveTo(X(points[2 * k]), Y(points[2 * k + 1])); c.lineTo(X(points[2 * l]), Y(points[2 * l + 1])); };
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    const k = i * columns + j;
    if (j + 1 < columns) line(k, k + 1);
    if (i + 1 < rows) line(k, k + columns);
  }
  c.stroke();
  c.globalAlpha = 1;
}

function arrows(c, pull, X, Y) {
  c.strokeStyle = colour("ink"); c.lineWidth = 1.2; c.lineCap = "round"; c.globalAlpha = 0.85;
  c.beginPath();
  for (let i = 0; i < pull.length; i += 4) {
    const x = X(pull[i]), y = Y(pull[i + 1]), u = X(pull[i] + pull[i + 2]), v = Y(pull[i + 1] + pull[i + 3]);
    const long = Math.hypot(u - x, v - y);
    if (!(long > 0.5)) continue;
    const t = Math.atan2(v - y, u - x), tip = Math.min(6, 0.5 * long);
    c.moveTo(x, y); c.lineTo(u, v);
    for (const turn of [2.6, -2.6]) { c.moveTo(u, v); c.lineTo(u + tip * Math.cos(t + turn), v + tip * Math.sin(t + turn)); }
  }
  c.stroke();
  c.globalAlpha = 1;
}

function legend(scene, frame, best) {
  const heat = frame.heat;
  $("legend").classList.toggle("none", !heat && !best);
  if (best) { $("low").textContent = "best D: generated 0"; $("high").textContent = "1 real"; return; }
  if (!heat) {
    $("low").textContent = scene.trains_d ? "D gives features here, no opinion: look at the pull" : "There is no D here: look at the pull";
    $("high").textContent = "";
    return;
  }
  const ends = [heat.middle - heat.real * heat.reach, heat.middle + heat.real * heat.reach].map((v) => number(v, 2));
  $("low").textContent = `generated ${ends[0]}`;
  $("high").textContent = `${ends[1]} real, by D's ${heat.kind}`;
}
