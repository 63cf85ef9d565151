// The pictures of "Samples over time", one at a time. Without this script all of them are shown.
const figures = [...document.querySelectorAll(".moments figure")];
const controls = document.querySelector(".slider");

if (controls && figures.length > 1) {
  const [range, output, button] = ["input", "output", "button"].map((name) => controls.querySelector(name));
  let timer = null;

  const show = () => {
    figures.forEach((figure, i) => { figure.hidden = i !== Number(range.value); });
    const words = figures[range.value].querySelector("figcaption").textContent;
    output.textContent = words;
    range.setAttribute("aria-valuetext", words);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "play";
  };
  const next = () => {
    if (Number(range.value) === figures.length - 1) return stop();
    range.value = Number(range.value) + 1;
    show();
  };

  range.addEventListener("input", () => { stop(); show(); });
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (Number(range.value) === figures.length - 1) { range.value = 0; show(); }
    button.textContent = "stop";
    timer = setInterval(next, 400);
  });
  document.documentElement.classList.add("with-slider");
  controls.hidden = false;
  show();
}
