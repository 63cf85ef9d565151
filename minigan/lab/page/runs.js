import { $, element } from "./page.js";
export function rooms(hello) {
  $("rooms").replaceChildren(element("button", { type: "button", "aria-current": "page" }, "The plane"));
}
