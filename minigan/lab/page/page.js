// Small things that all modules use: elements, numbers in words, colours, messages.
export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function number(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace("-", "−");
  return String(+value.toPrecision(digits)).replace("-", "−");
}

export const whole = (value) => value.toLocaleString("en");

let colours = null;
export function colour(name) {
  if (colours === null) {
    const style = getComputedStyle(document.documentElement);
    colours = new Proxy({}, { get: (known, key) => known[key] ??= style.getPropertyValue(`--${key}`).trim() });
  }
  return colours[name];
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; });

export const rgb = (hex) => {
  const digits = hex.slice(1), long = digits.length === 3 ? [...digits].map((d) => d + d).join("") : digits;
  return [0, 2, 4].map((i) => parseInt(long.slice(i, i + 2), 16));
};

let hiding = 0;
export function notice(words, seconds = 8) {
  clearTimeout(hiding);
  $("notice").hidden = !words;
  $("notice").textContent = words ?? "";
  if (words && seconds) hiding = setTimeout(() => { $("notice").hidden = true; }, 1000 * seconds);
}

// A dialog; resolves with what was chosen, null for Escape.
export function dialog(title, content, choices) {
  const box = $("dialog");
  return new Promise((resolve) => {
    const close = (value) => { box.close(); resolve(value); };
    const buttons = choices.map(([words, value], i) =>
      element("button", { type: "button", class: i === choices.length - 1 ? "main" : "", onclick: () => close(value) }, words));
    box.replaceChildren(element("h2", {}, title), ...content, element("div", { class: "bar" }, ...buttons));
    box.oncancel = () => resolve(null);
    box.showModal();
    buttons.at(-1).focus();
  });
}

// A canvas as large as its device pixels, with its context scaled to CSS pixels.
export function prepare(canvas) {
  const { clientWidth: w, clientHeight: h } = canvas, ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, w, h);
  return { context, w, h };
}
