// What redraws by itself, while somebody looks at it and points at it.

import { pageNow } from "./api.js";
import { moment } from "./messages.js";
import { released } from "./pressing.js";

// Take a card out of its list; the neighbour to go on with, where the card was what somebody was at.
export async function takenOut(card) {
  await released();
  const next = card.nextElementSibling ?? card.previousElementSibling;
  const wasAt = document.activeElement === document.body || card.contains(document.activeElement);
  card.remove();
  return wasAt ? next : null;
}

// What the service has drawn, put right for this browser: times in its zone, no pictures that fail.
export function putRight(part) {
  part.querySelectorAll("time[data-local]").forEach((time) => { time.textContent = moment(time.dateTime); });
  part.querySelectorAll("img[data-may-fail]").forEach((image) => {
    if (image.complete && image.naturalWidth === 0) image.remove();
    image.addEventListener("error", () => image.remove());
  });
}

// Parts of this page as the service draws them by now; the rest, focus and place stay as they are.
export async function renewed(...ids) {
  const page = await pageNow(location);
  if (!page) return location.reload();
  await released();
  for (const id of ids) {
    const [part, now] = [document.getElementById(id), page.getElementById(id)];
    if (!part || !now) continue;
    part.hidden = now.hidden;
    if (part.innerHTML === now.innerHTML) continue;
    part.replaceChildren(...document.importNode(now, true).childNodes);
    putRight(part);
  }
  return undefined;
}

// Bring the children of a list into an order, with no move where nothing has changed.
export function inOrder(list, wanted) {
  const kept = new Set(wanted);
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, place) => {
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
  });
}
