// Photos that bulk work did not take: choose the face, give another photo, or leave it out.

import { acting, call, callForBlob, droppable, mayEdit, ready, speak } from "./api.js";
import { n, t } from "./messages.js";
import { takenOut } from "./redrawing.js";
import { offerUndo } from "./undo.js";
import { chosenFace, enrolAsking } from "./whichface.js";

const by = (id) => document.getElementById(id);
const list = by("rejects");
const elsewhere = document.querySelector("#elsewhere a"); // where others wait

const path = (card) => `/v1/runs/${card.dataset.run}/rejects/${card.dataset.id}`;
const settle = (card, now) => call("POST", `${path(card)}/settle`, { json: { now } });
const fieldsOf = (card) => ({ person: card.dataset.person, external_id: card.dataset.number });

async function takeAway(card) {
  const next = await takenOut(card);
  const left = list.children.length;
  by("nothing").hidden = left > 0 || elsewhere !== null;
  (left ? next : elsewhere)?.focus();
  if (!elsewhere) speak(left ? n("{count} left", "{count} left", left) : t("Nothing waits"));
}

async function photoOf(card) {
  return new File([await callForBlob("GET", `${path(card)}/photo`)], card.dataset.photo, { type: "image/*" });
}

async function choose(card) {
  if (await chosenFace(fieldsOf(card), await photoOf(card)) === null) return;
  await settle(card, "mended");
  await takeAway(card);
}

async function another(card, files, more = {}) {
  if (!files.length) return;
  const made = await enrolAsking({ ...fieldsOf(card), ...more }, files);
  if (!made.enrolled && !made.known) return;
  await settle(card, "mended");
  await takeAway(card);
}

async function dismiss(card) {
  await settle(card, "dismissed");
  const place = card.nextElementSibling;
  await takeAway(card);
  offerUndo(t("{photo} is left out", { photo: card.dataset.photo }), async () => {
    await settle(card, "open");
    list.insertBefore(card, place?.isConnected ? place : null);
    by("nothing").hidden = true;
    card.focus();
  });
}

if (mayEdit) {
  for (const card of list.children) {
    card.querySelector("[data-choose]")?.addEventListener("click", () => acting(() => choose(card)));
    card.querySelector("[data-same]")?.addEventListener("click", () => acting(async () => another(card, [await photoOf(card)], { same_person: "true" })));
    card.querySelector("[data-other]")?.addEventListener("change", (event) => acting(() => another(card, [...event.target.files])));
    card.querySelector("[data-dismiss]").addEventListener("click", () => acting(() => dismiss(card)));
    droppable(card, (files) => acting(() => another(card, files)));
  }
}

ready(import.meta.url);
