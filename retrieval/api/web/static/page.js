// What every page does: choose collection and language, log out, open and close dialogs, undo.

import { call, collection, element, pageOf, ready, speak } from "./api.js";
import { putRight } from "./redrawing.js";
import { takenBack } from "./undo.js";

// The address says which collection is meant, so that it can be shared and kept.
if (Number(document.body.dataset.collections) > 1 && !new URL(location).searchParams.has("collection")) {
  history.replaceState(history.state, "", pageOf(location.pathname + location.search) + location.hash);
}

putRight(document);

// The part of a place that is shown, where their row is wider than a phone.
const part = document.querySelector(".parts [aria-current=page]");
if (part) part.parentElement.scrollLeft = part.offsetLeft - part.parentElement.offsetLeft - (part.parentElement.clientWidth - part.offsetWidth) / 2;

document.getElementById("language")?.addEventListener("change", (event) => {
  document.cookie = `rollcall_language=${event.target.value}; path=/; samesite=lax; max-age=31536000`;
  location.reload();
});

document.getElementById("collection")?.addEventListener("change", (event) => {
  document.cookie = `rollcall_collection=${encodeURIComponent(event.target.value)}; path=/; samesite=lax; max-age=31536000`;
  const above = location.pathname.replace(/^\/(people|runs)\/.*/, "/$1").replace(/^\/events\/.*/, "/");
  location.assign(`${above}?collection=${encodeURIComponent(event.target.value)}`);
});

document.getElementById("log-out")?.addEventListener("click", async () => {
  try {
    await call("POST", "/logout");
    location.assign("/login");
  } catch (error) {
    document.getElementById("content").prepend(element("p", { class: "notice bad", role: "alert" }, error.message));
  }
});

document.querySelectorAll("[data-open]").forEach((button) => {
  button.addEventListener("click", () => document.getElementById(button.dataset.open).showModal());
});
document.querySelectorAll("dialog [data-close]").forEach((button) => {
  button.addEventListener("click", () => button.closest("dialog").close());
});

const OFFERED_MS = 300_000; // afterwards it stands in nobody's way
const bar = document.getElementById("undo-bar");
const text = document.getElementById("undo-text");

function offerUndo() {
  const kept = JSON.parse(sessionStorage.getItem("undo") ?? "null");
  if (kept === null || kept.collection !== collection || Date.now() - kept.at > OFFERED_MS) return;
  text.textContent = kept.summary;
  bar.hidden = false;
}

function forgetUndo() {
  sessionStorage.removeItem("undo");
  bar.hidden = true;
}

document.getElementById("undo-dismiss").addEventListener("click", forgetUndo);
// The newest first; what is undone already is not asked for again, where the rest had to wait.
async function undoEdits() {
  const kept = JSON.parse(sessionStorage.getItem("undo"));
  while (kept.ids.length) {
    await call("POST", "/v1/undo", { json: { edit: kept.ids.at(-1) } });
    kept.ids.pop();
    sessionStorage.setItem("undo", JSON.stringify(kept));
  }
  forgetUndo();
  location.reload();
}

let undoing = false;
document.getElementById("undo").addEventListener("click", async () => {
  if (undoing) return;
  undoing = true;
  try {
    await (takenBack() ?? undoEdits());
  } catch (error) {
    text.textContent = error.message;
    speak(error.message);
  }
  undoing = false;
});
offerUndo();
document.addEventListener("undo-offered", offerUndo);

ready(import.meta.url);
