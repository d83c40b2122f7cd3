// Photos and videos of an event that were not taken, and why: found again when the upload is long over.

import { call, element } from "./api.js";
import { n, t } from "./messages.js";
import { whenReleased } from "./pressing.js";

const FEW = 5; // are shown unasked
const MOST = 200;

// What was too large to be sent at all has no message of the service's.
function reasonOf({ photo, message }) {
  if (/\.pdf$/i.test(photo)) return t("is a PDF: save its pages as JPEG or PNG");
  if (!message) return t("is too large");
  return message.startsWith(photo) ? message.slice(photo.length).replace(/^:?\s+/, "") : message;
}

// {photo, message} as a line of a list.
export const rejectedLine = (one) => element("li", {}, element("strong", {}, one.photo), " ", reasonOf(one));

export const rejectedTold = (count) => n("{count} photo was not taken", "{count} photos were not taken", count);

// A place of details that unfold; `show` is told how many there are by now.
export function rejectedList(place, path, failed) {
  const list = place.querySelector("ul");
  let shown = null; // so many the list tells of
  let count = 0;

  async function read() {
    if (!place.open || shown === count) return;
    shown = count;
    if (!count) return;
    try {
      const { photos } = await call("GET", `${path}/photos`, { parameters: { rejected: true, limit: MOST } });
      whenReleased(() => {
        list.replaceChildren(...photos.map(rejectedLine));
        if (count > photos.length) list.append(element("li", { class: "soft" }, n("and {count} more", "and {count} more", count - photos.length)));
      });
    } catch (error) {
      shown = null;
      failed(error);
    }
  }

  place.addEventListener("toggle", read);
  return {
    show(rejected) {
      if (count === 0 && rejected && rejected <= FEW) place.open = true;
      count = rejected;
      place.querySelector("summary").textContent = rejectedTold(count);
      place.hidden = count === 0;
      read();
    },
  };
}
