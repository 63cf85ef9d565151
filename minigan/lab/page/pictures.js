// Pixels onto canvases: pictures, sheets of them, maps of signed numbers, clouds of points.
import { colour, element, prepare, rgb } from "./page.js";

function image(pixels, [, h, w, c], at = 0) {
  const made = new ImageData(w, h);
  for (let i = 0; i < h * w; i++) {
    for (let k = 0; k < 3; k++) made.data[4 * i + k] = pixels[at + i * c + (c === 3 ? k : 0)];
    made.data[4 * i + 3] = 255;
  }
  return made;
}

// One picture, shown `size` CSS pixels wide: every pixel stays a square.
export function picture(canvas, pixels, shape, size = null, at = 0) {
  canvas.width = shape[2];
  canvas.height = shape[1];
  canvas.getContext("2d").putImageData(image(pixels, shape, at), 0, 0);
  if (size) canvas.style.width = canvas.style.height = `${size}px`;
}

export function grid(box, pixels, shape, size, click, words) {
  const [n, h, w, c] = shape;
  box.replaceChildren(...Array.from({ length: n }, (_, i) => {
    const canvas = element("canvas", { role: "img", "aria-label": words(i) });
    picture(canvas, pixels, shape, size, i * h * w * c);
    return click ? element("button", { type: "button", class: "tile", title: words(i), onclick: (event) => click(i, event) }, canvas) : element("span", { class: "tile" }, canvas);
  }));
}

// A map of signed numbers over the picture: blue above 0, orange below; `top` is where colours end.
export function signed(canvas, values, [h, w], top, frame) {
  const under = document.createElement("canvas"), over = document.createElement("canvas"), S = 168;
  picture(under, frame.arrays.pictures, frame.shapes.pictures);
  const made = new ImageData(w, h), up = rgb(colour("real-dot")), down = rgb(colour("fake-dot"));
  values.forEach((v, i) => { made.data.set([...(v > 0 ? up : down), 235 * Math.min(1, Math.abs(v) / top) ** 0.7], 4 * i); });
  over.width = w; over.height = h;
  over.getContext("2d").putImageData(made, 0, 0);
  canvas.width = canvas.height = S;
  const c = canvas.getContext("2d");
  c.imageSmoothingEnabled = false;
  c.globalAlpha = 0.35; c.drawImage(under, 0, 0, S, S); c.globalAlpha = 1;
  c.drawImage(over, 0, 0, S, S);
}

export function points(canvas, { points: fake, real }) {
  const show = () => {
    const { context: c, w: S } = prepare(canvas), most = real.reduce((a, v) => Math.max(a, Math.abs(v)), 1) * 1.15;
    const at = (v) => ((v + most) / (2 * most)) * S;
    c.fillStyle = colour("fake-dot");
    for (let i = 0; i < fake.length; i += 2) c.fillRect(at(fake[i]) - 1.5, S - at(fake[i + 1]) - 1.5, 3, 3);
    c.strokeStyle = colour("real-dot"); c.lineWidth = 1.3;
    for (let i = 0; i < real.length; i += 2) { c.beginPath(); c.arc(at(real[i]), S - at(real[i + 1]), 2.5, 0, 7); c.stroke(); }
  };
  requestAnimationFrame(show);
}
