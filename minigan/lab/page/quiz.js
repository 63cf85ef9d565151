// Which one is real? The answer comes from the server after the person's; the page never has it before.
import { $, element } from "./page.js";
import { grid } from "./pictures.js";

let waiting = false, seed = 0;

export function quiz(ask, failed) {
  const begin = element("button", { type: "button", class: "main", onclick: () => next(ask, failed, null) }, "Begin");
  return element("article", { class: "card", id: "quiz" }, element("h2", {}, "Which one is real?"),
    element("p", { class: "soft" }, "One of two pictures is from the training data, the other is generated. 20 pairs; click the real one, or press ← or →."),
    element("p", { id: "score", role: "status" }), element("div", { id: "pair" }, begin));
}

async function next(ask, failed, answer) {
  if (waiting) return;
  waiting = true;
  if (answer === null) seed += 1;
  try {
    const frame = await ask("quiz", { seed, answer, offsets: [], walk: null });
    if (frame.arrays.pictures) show(frame, ask, failed); else over(frame, ask, failed);
  } catch (error) { failed(error); } finally { waiting = false; }
}

function show(frame, ask, failed) {
  const verdict = frame.was_right === null ? "" : frame.was_right ? "Right. " : "Wrong. ";
  $("score").textContent = `${verdict}${frame.of} of ${frame.rounds} answered, ${frame.right} right.`;
  const box = element("div", { class: "tiles two", tabIndex: 0, role: "group", "aria-label": "Two pictures" });
  grid(box, frame.arrays.pictures, frame.shapes.pictures, 180, (i) => next(ask, failed, i === 0 ? "left" : "right"), (i) => (i === 0 ? "The left one" : "The right one"));
  box.addEventListener("keydown", (e) => {
    const side = { ArrowLeft: "left", ArrowRight: "right" }[e.key];
    if (side) { e.preventDefault(); next(ask, failed, side); }
  });
  $("pair").replaceChildren(box);
  if (frame.was_right !== null || document.activeElement === document.body) box.focus();
}

function over(frame, ask, failed) {
  const share = (v) => `${Math.round(100 * v)} %`;
  const d = frame.d_right === null ? "" : ` D, which was trained to answer this, is right in ${share(frame.d_right)} of these pairs.`;
  $("score").textContent = `${frame.right} of ${frame.of} right. With 95 % confidence your true share is between ${share(frame.low)} and ${share(frame.high)}; half is guessing.${d} A rule that takes the picture nearer to a training image for real: ${share(frame.nn_right)}.`;
  const [fakes, nearest] = [element("div", { class: "tiles" }), element("div", { class: "tiles" })];
  grid(fakes, frame.arrays.fakes, frame.shapes.fakes, 48, null, (i) => `Generated picture ${i + 1}`);
  grid(nearest, frame.arrays.nearest, frame.shapes.nearest, 48, null, (i) => `The training image nearest to it`);
  $("pair").replaceChildren(element("h3", {}, "The generated ones"), fakes, element("h3", {}, "The training image nearest to each"), nearest,
    element("button", { type: "button", class: "main", onclick: () => next(ask, failed, null) }, "Play again"));
}
