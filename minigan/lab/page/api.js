// Requests. The secret is in the fragment of the address, which a browser sends to nobody; from then on in the session.
const given = new URLSearchParams(location.hash.slice(1));
let secret = given.get("t") ?? sessionStorage.getItem("secret") ?? "";
const ticket = given.get("k");
history.replaceState(null, "", location.pathname); // a projector need not show it

// The preset in the address, now and whenever somebody puts a link into it.
export function onPreset(begin) {
  if (given.get("p")) begin(given.get("p"));
  addEventListener("hashchange", () => {
    const text = new URLSearchParams(location.hash.slice(1)).get("p");
    history.replaceState(null, "", location.pathname);
    if (text) begin(text);
  });
}

export class Refusal extends Error {
  constructor(status, words) { super(words); this.status = status; }
}

async function request(path, body, binary) {
  const options = { method: body === undefined ? "GET" : "POST", headers: { "X-Lab-Token": secret } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options).catch(() => { throw new Refusal(0, "The lab has been closed: start it again with minigan lab."); });
  if (answer.status === 204) return null;
  if (!answer.ok) {
    const words = await answer.json().then((value) => value.error, () => answer.statusText);
    throw new Refusal(answer.status, words);
  }
  return binary ? unpack(await answer.arrayBuffer()) : answer.json();
}

export const ask = (path, body) => request(path, body, false);
export const fetchFrame = (path, body) => request(path, body, true);

export async function enter() {
  if (ticket) {
    const answer = await ask("/api/enter", { ticket }).catch(() => null);
    if (answer) secret = answer.secret;
  }
  sessionStorage.setItem("secret", secret);
}

// Numbers and arrays: views of the message, no copies. minigan/lab/frames.py has the format.
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const places = head.arrays;
  head.arrays = {}; head.shapes = {};
  for (const [name, { at, type, shape }] of Object.entries(places)) {
    const n = shape.reduce((a, b) => a * b, 1), View = type === "u1" ? Uint8Array : Float32Array;
    head.arrays[name] = new View(buffer, 4 + length + at, n);
    head.shapes[name] = shape;
  }
  return head;
}

// One request under way; meanwhile only the newest wish is kept. A slider that is dragged never queues stale values.
export function newestOnly(send) {
  let busy = false, waiting = null;
  const run = async (wish) => {
    if (busy) { waiting = wish; return; }
    busy = true;
    try { await send(wish); } finally {
      busy = false;
      if (waiting !== null) { const next = waiting; waiting = null; run(next); }
    }
  };
  return run;
}
