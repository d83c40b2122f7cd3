// Strangers: a name enrols a group, and earlier answers become known; or it is forgotten.

import { acting, call, element, mayEdit, pageOf, ready, rememberUndo, speak } from "./api.js";
import { list, n, t } from "./messages.js";
import { released } from "./pressing.js";
import { takenOut } from "./redrawing.js";
import { askWho } from "./who.js";

const by = (id) => document.getElementById(id);
const elsewhere = document.querySelector("#elsewhere a"); // where others wait
const facesOf = (tile) => JSON.parse(tile.dataset.faces);

async function takeAway(tile) {
  const next = await takenOut(tile);
  const left = by("groups").children.length;
  by("nothing").hidden = left > 0 || elsewhere !== null;
  (left ? next?.querySelector("button") : elsewhere)?.focus();
}

// `whose`: {person_id, called} of somebody enrolled, or {person, external_id} of somebody new.
async function name(tile, whose) {
  const named = await call("POST", `/v1/unknowns/${tile.dataset.group}/name`, { json: { ...whose, face_ids: facesOf(tile) } });
  const photos = [...new Set(named.now_known.map((answer) => answer.photo))];
  const told = n("{name} is enrolled with {count} face.", "{name} is enrolled with {count} faces.", named.enrolled.length, { name: named.person });
  await released();
  by("named").replaceChildren(element("div", { class: "notice" }, element("div", {},
    element("strong", {}, told), " ", element("a", { href: pageOf("/people", { search: named.person }) }, t("Show the person")),
    element("p", { class: "small" }, t("Now known in: {photos}", { photos: list(photos) })))));
  await takeAway(tile);
  rememberUndo({ ...named.edit, summary: told });
  document.dispatchEvent(new Event("undo-offered"));
  speak(told);
}

async function ask(tile) {
  const picture = tile.querySelector(".portrait").cloneNode(true);
  const who = await askWho({ picture, go: t("Enrol"), enrols: true });
  if (who === null) return;
  await name(tile, who.isNew ? { person: who.person, external_id: who.external_id } : { person_id: who.person_id, called: who.person });
}

function forget(tile) {
  by("forget-form").onsubmit = (event) => {
    event.preventDefault();
    by("forget-dialog").close();
    acting(async () => {
      await call("POST", `/v1/unknowns/${tile.dataset.group}/forget`, { json: { face_ids: facesOf(tile) } });
      await takeAway(tile);
    });
  };
  by("forget-dialog").showModal();
}

if (mayEdit) {
  document.querySelectorAll("#groups > li").forEach((tile) => {
    tile.querySelector("[data-who]").addEventListener("click", () => acting(() => ask(tile)));
    tile.querySelector("[data-forget]").addEventListener("click", () => forget(tile));
    tile.querySelectorAll("[data-is]").forEach((choice) => {
      choice.addEventListener("click", () => acting(() => name(tile, { person_id: Number(choice.dataset.is), called: choice.dataset.called })));
    });
  });
}

ready(import.meta.url);
