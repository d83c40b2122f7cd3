// The page of an event: photos and roll beside each other, judged by clicks or keys.

import { call, collection, element, mayEdit, pageOf, ready, showProblem, speak, tryAgain } from "./api.js";
import { Album } from "./album.js";
import { showCode } from "./code.js";
import { acceptChoices, acceptDrops, limitsOf, sorted, whyNot } from "./drop.js";
import { Judging } from "./judging.js";
import { day, n, number, t } from "./messages.js";
import { whenReleased } from "./pressing.js";
import { progressCard } from "./progress.js";
import { rejectedList } from "./rejected.js";
import { Cards } from "./rollcards.js";
import { Lists } from "./rolllists.js";
import { isCommand, roving } from "./roving.js";
import { sendFile } from "./sending.js";
import { Store } from "./store.js";
import { Upload } from "./uploads.js";
import { Viewer } from "./viewer.js";

const by = (id) => document.getElementById(id);
const root = by("event");
const own = root.dataset;
const LIVE_MS = 3000; // between two readings while photos come in
const SHARE = 8; // so many times what a reading takes passes before the next: the rest is for the photos
const UNDO_MS = 12000;
const AWAY_MS = 10_000; // from a tab, for as long as it may be out of date

const store = new Store(Number(own.id));
const judging = new Judging(store);
const viewer = new Viewer(by("viewer"), store, judging);
const failed = (error) => { if (error?.name !== "AbortError") showProblem(by("problem"), error); };
const showPhoto = (face) => viewer.open(face.photo_id, face.id);
const album = new Album(by("album"), store, { open: (photo) => viewer.open(photo), failed });
const cards = new Cards(by("cards"), store, judging, { showPhoto, failed });
const lists = new Lists(by("lists"), store, judging, { find: by("find"), showPhoto, failed });
const rejected = rejectedList(by("rejected"), store.path, failed);
const panel = by("panel");
roving(panel, "[data-rove]");

// Tabs

const tabs = [...document.querySelectorAll("[role=tab]")];
let tab = null;

function counts() {
  const { present, to_check: check, unknown_groups: unknown, unusable, absent } = store.roll.counts;
  return { present, check, unknown, unusable, absent };
}

function showTab(name, { focus = false } = {}) {
  tab = name;
  for (const each of tabs) {
    const chosen = each.dataset.tab === name;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    if (chosen) {
      panel.setAttribute("aria-labelledby", each.id);
      if (focus) each.focus();
    }
  }
  by("cards").hidden = name !== "check";
  by("listed").hidden = name === "check";
  if (!store.roll) return;
  if (name === "check") cards.show();
  else lists.show(name);
}

tabs.forEach((each, row) => {
  each.addEventListener("click", () => { lists.opened.clear(); showTab(each.dataset.tab); });
  each.addEventListener("keydown", (event) => {
    const to = { ArrowRight: row + 1, ArrowLeft: row - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    lists.opened.clear();
    showTab(tabs[(to + tabs.length) % tabs.length].dataset.tab, { focus: true });
  });
});

// On a narrow screen either the roll or the photos are shown.
document.querySelectorAll("[data-side]").forEach((button) => button.addEventListener("click", () => {
  root.dataset.shown = button.dataset.side;
  document.querySelectorAll("[data-side]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
}));

// The roll as it is by now

store.addEventListener("roll", () => whenReleased(showRoll));

function showRoll() {
  const { roll } = store;
  const each = counts();
  tabs.forEach((one) => { one.querySelector(".count").textContent = number(each[one.dataset.tab]); });
  by("told").textContent = [roll.event.day ? day(roll.event.day) : t("no day yet"), n("{count} photo", "{count} photos", roll.counts.photos), n("{count} face", "{count} faces", roll.counts.faces)].join(" · ");
  by("name").textContent = roll.event.name;
  // Whoever goes through the cards is not offered it after each.
  by("outdated").hidden = !roll.outdated || !mayEdit || each.check > 0;
  by("empty").hidden = roll.counts.photos > 0 || upload !== null;
  by("body").hidden = roll.counts.photos === 0 && upload === null;
  rejected.show(by("upload").hidden ? roll.counts.rejected : 0); // the upload's own card tells the same
  cards.renew();
  showTab(tab ?? (each.check ? "check" : "present"));
}

store.addEventListener("failed", ({ detail }) => failed(detail));

// Undo: on the bar for a while, by Z at any time

const bar = by("undo-bar");
let hiding = 0;

store.addEventListener("said", ({ detail }) => {
  by("problem").hidden = true;
  by("undo-text").textContent = detail.text;
  speak(t("{what}. Z undoes.", { what: detail.text }));
  bar.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { bar.hidden = true; }, UNDO_MS);
});

async function undo() {
  if (!store.canUndo) return;
  bar.hidden = true;
  try {
    const undone = await store.undo();
    if (!undone) return;
    const { text, taught, person, person_id: id } = undone;
    speak(t("Undone: {what}", { what: text }));
    by("passed").hidden = !taught;
    if (taught) by("passed").replaceChildren(element("span", {}, t("Undone; the photos stay enrolled:"), " ", element("a", { href: pageOf(`/people/${id}`) }, person)));
  } catch (error) {
    failed(error);
  }
}

by("undo").addEventListener("click", (event) => {
  if (!store.canUndo) return;
  event.stopImmediatePropagation();
  undo();
}, { capture: true });

document.addEventListener("keydown", (event) => {
  if (!isCommand(event) || document.querySelector("dialog[open]:not(#viewer)")) return;
  const key = event.key.toLowerCase();
  if (key === "z") undo();
  else if (key === "?" && !by("viewer").open) by("keys-dialog").showModal();
  else if (key === "c" && !by("viewer").open) showTab("check", { focus: true });
  else return;
  event.preventDefault();
});

// Photos that come in

let upload = null;
let reading = 0;
let pauseMs = LIVE_MS;
const progress = progressCard(by("upload"), { finished: () => readLive(true), closed: () => showRoll() });
by("upload").hidden = true;

function readLive(now = false) {
  if (now) { clearTimeout(reading); reading = 0; }
  if (reading) return;
  reading = setTimeout(async () => {
    reading = 0;
    const began = performance.now();
    try {
      await store.readAll();
      await nameByDay();
    } catch (error) {
      failed(error);
    }
    pauseMs = Math.max(LIVE_MS, SHARE * (performance.now() - began));
  }, now ? 0 : pauseMs);
}

// An event that was named by the moment is named by its day, once the photos tell it.
async function nameByDay() {
  const { event } = store.roll;
  if (!own.provisional || !event.day) return;
  delete own.provisional;
  const changed = await call("PATCH", store.path, { json: { name: t("Photos of {day}", { day: day(event.day) }) } }).catch(() => null);
  if (changed) store.roll.event.name = by("name").textContent = changed.name;
}

export async function take(files) {
  const limits = limitsOf(own);
  const found = sorted(files, limits.most);
  const told = whyNot(found, limits);
  by("passed").hidden = !told;
  by("passed").textContent = told ?? "";
  if (found.photos.length) {
    if (!upload) {
      by("upload").hidden = false;
      upload = new Upload(store.event, { photos: Number(own.mostPhotos), bytes: Number(own.mostBytes) }, (current) => {
        progress.show(current);
        if (current.running) readLive();
      });
    }
    by("upload").hidden = by("body").hidden = false;
    by("empty").hidden = true;
    upload.add(found.photos);
  }
  const archives = limits.queue ? found.archives : [];
  const videos = limits.video ? found.videos : [];
  for (const [what, name, some] of [["archive", "archive", archives], ["videos", "video", videos]]) {
    for (const file of some) {
      const form = new FormData();
      form.append(name, file, file.name);
      await sendFile(by("sending"), { path: `${store.path}/${what}`, form, name: file.name }).then((run) => run && follow(), failed);
    }
  }
}

// Whoever comes back to a tab finds what others did meanwhile.
let leftAt = 0;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) leftAt = performance.now();
  else if (store.roll && !upload?.running && performance.now() - leftAt > AWAY_MS) store.readAll().catch(failed);
});

let following = null;

// Follow what workers add, until it is all in.
function follow() {
  following?.close();
  const source = following = new EventSource(`${store.path}/progress?collection=${encodeURIComponent(collection)}`);
  by("following").hidden = false;
  // A browser asks again by itself where a line broke, but never where it was refused: the session may have ended.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => store.readAll().then(follow, (error) => { by("following").hidden = true; failed(error); }), LIVE_MS);
  });
  source.addEventListener("message", (message) => {
    const state = JSON.parse(message.data);
    by("following-text").textContent = n("{count} photo is in; workers add more …", "{count} photos are in; workers add more …", state.photos);
    readLive(!state.working);
    if (!state.working) { source.close(); by("following").hidden = true; }
  });
}

if (mayEdit) {
  acceptDrops(take);
  document.querySelectorAll("input[data-take]").forEach((input) => acceptChoices(input, take));
  window.addEventListener("beforeunload", (event) => { if (upload && !upload.finished && upload.waiting.length) event.preventDefault(); });
}

// The rest of the head

by("zoom").addEventListener("input", (event) => album.zoom(Number(event.target.value)));
by("as-code").addEventListener("click", () => showCode({ method: "GET", path: `${store.path}/roll`, parameters: { format: "json" } }));
by("show-keys").addEventListener("click", () => by("keys-dialog").showModal());
by("refresh")?.addEventListener("click", async (event) => {
  event.currentTarget.disabled = true;
  try {
    const { changes } = await call("POST", `${store.path}/update`);
    await store.readAll();
    speak(n("Decided anew: {count} face changed", "Decided anew: {count} faces changed", changes.length));
  } catch (error) {
    failed(error);
  }
  by("refresh").disabled = false;
});

document.querySelectorAll("form[data-change]").forEach((form) => form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const problem = form.querySelector("[data-problem]");
  problem.hidden = true;
  const json = form.dataset.change === "name"
    ? { name: given.get("name").trim(), ...(given.get("day") ? { day: given.get("day") } : {}) }
    : { expects: given.get("expects"), expected: given.get("expected").split(/[\n;]+/).map((each) => each.trim()).filter(Boolean) };
  try {
    const changed = await call("PATCH", store.path, { json });
    if (changed.not_enrolled.length) {
      problem.replaceChildren(element("span", {}, t("Nobody here is called or numbered: {names}. The others are expected.", { names: changed.not_enrolled.join(", ") })));
      problem.hidden = false;
    } else form.closest("dialog").close();
    await store.readRoll();
  } catch (error) {
    showProblem(problem, error);
  }
}));
// Who is on the list stands there to be edited: saved as it is, it stays; namesakes by their numbers.
document.querySelector('[data-open="expected-dialog"]')?.addEventListener("click", async () => {
  try {
    const { people, event } = store.roll ?? await store.readRoll();
    if (event.expects !== "listed") return;
    const names = people.map((line) => line.person);
    const isAlone = (name) => names.indexOf(name) === names.lastIndexOf(name);
    by("expected").value = people.filter((line) => line.expected).map((line) => (isAlone(line.person) ? line.person : line.external_id ?? line.person)).join("\n");
  } catch (error) {
    by("expected-dialog").close(); // an empty list would be saved in place of theirs
    failed(error);
  }
});
document.querySelectorAll('input[name="expects"]').forEach((input) => input.addEventListener("change", () => { by("expected-list").hidden = input.value !== "listed" || !input.checked; }));

by("delete-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("DELETE", store.path);
    location.assign(pageOf("/"));
  } catch (error) {
    showProblem(event.target.querySelector("[data-problem]"), error);
  }
});

try {
  const first = store.readRoll();
  await Promise.all([first, store.readPhotos()]);
  const photo = location.hash.match(/^#photo-(\d+)$/);
  if (photo) {
    history.replaceState({ ...history.state, photo: undefined }, "", location.pathname + location.search);
    viewer.open(Number(photo[1]));
  }
} catch (error) {
  if (!store.roll) by("lists").replaceChildren(tryAgain());
  failed(error);
}
performance.mark("event-shown");

ready(import.meta.url);
