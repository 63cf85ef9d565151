"use strict";
const pairs = [...document.querySelectorAll(".pair")];
const nearest = [...document.querySelectorAll("#nearest img")];
const answers = [];
const realOnTheLeft = (i) => atob(FACTS.key).charCodeAt(i) % 2 === 1;

function choose(left) {
  const i = answers.length;
  if (i >= pairs.length) return;
  const right = left === realOnTheLeft(i);
  answers.push(right);
  const score = answers.filter(Boolean).length;
  const side = realOnTheLeft(i) ? "left" : "right";
  document.getElementById("answer").textContent =
    `Pair ${i + 1}: ${right ? "right" : "wrong"}, the ${side} one was real. ${score} of ${answers.length} right.`;
  const focused = pairs[i].contains(document.activeElement);
  pairs[i].hidden = true;
  if (i + 1 < pairs.length) {
    pairs[i + 1].hidden = false;
    if (focused) pairs[i + 1].querySelector("button").focus();
    document.getElementById("count").textContent = `Pair ${i + 2} of ${pairs.length}`;
  } else {
    finish(score);
  }
}

// Wilson's interval of 95 % for a share of right answers.
function interval(score, n) {
  const z = 1.96, p = score / n, middle = p + z * z / (2 * n);
  const half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)];
}

function finish(score) {
  const n = pairs.length, [low, high] = interval(score, n), percent = (x) => `${Math.round(100 * x)} %`;
  const meaning = low > 0.5 ? "The difference is visible." : high < 0.5 ? "You took the generated ones for real."
    : "That may be guessing.";
  for (const id of ["how", "count", "pairs"]) document.getElementById(id).hidden = true;
  document.getElementById("result").textContent =
    `${score} of ${n} right, ${percent(score / n)}; 95 % interval ${percent(low)} to ${percent(high)}. ` +
    `Guessing gives 50 %. ${meaning}`;
  const all = document.getElementById("all");
  pairs.forEach((pair, i) => {
    const [left, right] = pair.querySelectorAll("img"), figure = document.createElement("figure");
    const shown = realOnTheLeft(i) ? [left, right] : [right, left];
    [...shown, nearest[i]].forEach((image, place) => {
      const cell = document.createElement("div");
      cell.append(image, ["real", "generated", "nearest in the data"][place]);
      figure.append(cell);
    });
    const caption = document.createElement("figcaption");
    caption.textContent = `Pair ${i + 1}: ${answers[i] ? "right" : "wrong"}`;
    if (!answers[i]) figure.classList.add("wrong");
    figure.append(caption);
    all.append(figure);
  });
  const end = document.getElementById("end");
  end.hidden = false;
  end.focus();
}

pairs.forEach((pair) => {
  const [left, right] = pair.querySelectorAll("button");
  left.addEventListener("click", () => choose(true));
  right.addEventListener("click", () => choose(false));
});
document.addEventListener("keydown", (event) => {
  if (event.repeat) return;  // a key that is held down is one answer
  if (event.key === "ArrowLeft") choose(true);
  if (event.key === "ArrowRight") choose(false);
});
