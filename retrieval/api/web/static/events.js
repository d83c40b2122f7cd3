// The home: whatever is dropped becomes an event, and its page takes over with the files in hand.

import { call, copied, element, mayEdit, pageNow, pageOf, ready, showProblem } from "./api.js";
import { acceptChoices, acceptDrops, limitsOf, sorted, whyNot } from "./drop.js";
import { moment, t } from "./messages.js";

const by = (id) => document.getElementById(id);
const TRIES = 20; // names that are taken

async function create(folder) {
  const wanted = folder ?? t("Photos of {moment}", { moment: moment(new Date().toISOString()) });
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted} (${number})`;
    try {
      return await call("POST", "/v1/events", { json: { name, expects: by("expects").value, keep_photos: by("keep").checked } });
    } catch (error) {
      if (error.status !== 409 || number === TRIES) throw error;
    }
  }
}

// The event's page in place of this one: files cannot travel through a navigation.
async function become(event, files, provisional) {
  const address = pageOf(`/events/${event.id}`);
  const page = await pageNow(address);
  if (!page) return location.assign(address);
  const main = document.importNode(page.querySelector("main"), true);
  history.pushState({ event: event.id }, "", address);
  window.addEventListener("popstate", () => { if (location.pathname !== new URL(address, location).pathname) location.reload(); });
  document.title = page.title;
  document.querySelector("main").replaceWith(main);
  leaving.abort();
  const own = main.querySelector("#event").dataset;
  if (provisional) own.provisional = "true";
  main.querySelectorAll("[data-open]").forEach((button) => button.addEventListener("click", () => by(button.dataset.open).showModal()));
  main.querySelectorAll("dialog [data-close]").forEach((button) => button.addEventListener("click", () => button.closest("dialog").close()));
  const { take } = await import("./event.js");
  window.scrollTo(0, 0);
  return take(files);
}

const leaving = new AbortController(); // what this page listens to, until another takes its place
let busy = false;

async function take(files) {
  if (busy) return;
  const limits = limitsOf(by("drop").dataset);
  const found = sorted(files, limits.most);
  const told = whyNot(found, limits);
  by("passed").hidden = !told;
  by("passed").textContent = told ?? "";
  const usable = found.photos.length + (limits.queue ? found.archives.length : 0) + (limits.video ? found.videos.length : 0);
  if (!usable) return;
  busy = true;
  by("problem").hidden = true;
  const single = found.archives.length === 1 && !found.photos.length ? found.archives[0].name.replace(/\.(zip|tgz|tar(\.\w+)?)$/i, "") : null;
  const named = found.folder ?? single;
  try {
    const event = await create(named);
    await become(event, files, named === null);
  } catch (error) {
    showProblem(by("problem"), error);
  } finally {
    busy = false;
  }
}

if (mayEdit) {
  acceptDrops(take, leaving.signal);
  ["take-files", "take-folder", "take-camera"].forEach((id) => acceptChoices(by(id), take));
}

by("key-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const made = await call("POST", "/v1/keys", { json: { name: by("key-name").value.trim(), role: "admin" } });
    by("key-dialog").close();
    by("made-key").value = made.key ?? made.token;
    by("made-dialog").addEventListener("cancel", (cancelled) => cancelled.preventDefault());
    by("made-dialog").showModal();
    by("made-key").select();
  } catch (error) {
    showProblem(event.target.querySelector("[data-problem]"), error);
  }
});
by("copy-key")?.addEventListener("click", async (event) => {
  if (await copied(by("made-key").value)) event.target.replaceChildren(element("span", {}, t("Copied")));
});

ready(import.meta.url);
