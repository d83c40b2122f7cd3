// What may be wrong with enrolled photos: one card each, faces side by side, decided by click or key.

import { call, element, mayDelete, mayEdit, pageOf, portrait, ready, rememberUndo, showProblem, speak } from "./api.js";
import { n, t } from "./messages.js";
import { whenReleased } from "./pressing.js";
import { takenOut } from "./redrawing.js";
import { isCommand } from "./roving.js";

const by = (id) => document.getElementById(id);
const MOST_FACES = 6; // of each side
const MOST_CARDS = 30; // at once: as one is decided, the next comes in
const list = by("findings");
let waiting = []; // findings that have no card yet

const names = (side) => [...new Set(side.map((face) => face.person))];

// Namesakes are told apart by their numbers.
function called(sides) {
  const one = sides.map((side) => side[0]);
  const alike = new Set(one.map((face) => face?.person)).size < one.length;
  return one.map((face) => (face && alike && face.external_id ? `${face.person} (${face.external_id})` : face?.person));
}

// What was found, and what accepting it does, in the page's language.
function words({ kind, sides }) {
  const [own, another] = called(sides);
  const other = another ?? t("somebody else");
  const count = sides.flat().length;
  switch (kind) {
    case "looks-like-another": return [t("This photo of {own} looks like {other}", { own, other }), t("Move it there")];
    case "under-two-names": return [t("{own} and {other} look like one person", { own, other }), t("Give all photos to {own}", { own })];
    case "several-people": return [t("Photos of {own} look like several people", { own }), t("Make a person of each group")];
    case "resembles-nobody": return [t("This photo of {own} resembles none of the others", { own }), t("Make a person of its own of it")];
    case "copies": return [n("{count} photo of {own} is nearly the same", "{count} photos of {own} are nearly the same", count, { own }), t("Keep the largest")];
    default: return [t("One photo is enrolled under several names: {names}", { names: names(sides.flat()).join(", ") }), null];
  }
}

function card(finding) {
  const [what, act] = words(finding);
  const sides = finding.sides.map((side) => element("div", { class: "compared" },
    element("div", { class: "row wrap" }, ...side.slice(0, MOST_FACES).map((face) => portrait(face.person, face.face_id))),
    element("p", { class: "small" }, ...who(side))));
  const accept = finding.accepting && act && mayDelete
    ? element("button", { class: finding.final ? "button danger" : "button primary", "data-accept": true, onclick: () => accepted(made, finding, act) }, act) : null;
  const dismiss = mayEdit ? element("button", { class: "button", "data-dismiss": true, onclick: () => dismissed(made, finding) }, t("It is right as it is")) : null;
  const made = element("li", { class: "card finding-card", tabindex: "-1" },
    element("h2", {}, what),
    finding.doubtful ? element("p", { class: "small soft" }, t("It may as well be no fault: a poor photo, or two people with numbers of their own.")) : null,
    element("div", { class: "comparison" }, ...sides),
    element("div", { class: "actions" }, accept, dismiss));
  return made;
}

function who(side) {
  const people = new Map(side.map((face) => [face.person_id, face]));
  return [...people.values()].flatMap((face, number) => [number ? ", " : "",
    element("a", { href: pageOf(`/people/${face.person_id}`) }, face.person), face.external_id ? ` (${face.external_id})` : ""]);
}

async function done(made, path) {
  by("problem").hidden = true;
  try {
    const told = await call("POST", path);
    const next = await takenOut(made);
    fill();
    rememberUndo(...told.entries);
    document.dispatchEvent(new Event("undo-offered"));
    settle(next);
  } catch (error) {
    showProblem(by("problem"), error);
  }
}

const dismissed = (made, { id }) => done(made, `/v1/health/findings/${id}/dismiss`);
function accepted(made, { id, final }, act) {
  const accept = () => done(made, `/v1/health/findings/${id}/accept`);
  if (!final) return accept();
  by("final-what").textContent = act;
  by("final-form").onsubmit = (event) => { event.preventDefault(); by("final-dialog").close(); accept(); };
  by("final-dialog").showModal();
  return undefined;
}

function fill() {
  const room = MOST_CARDS - list.children.length;
  list.append(...waiting.splice(0, Math.max(room, 0)).map(card));
}

function settle(card) {
  const left = list.children.length + waiting.length;
  by("nothing").hidden = left > 0;
  by("keys").hidden = left === 0;
  card?.focus();
  card?.scrollIntoView({ block: "nearest" });
  by("left").hidden = !waiting.length;
  by("left").textContent = n("{count} finding waits for a decision", "{count} findings wait for a decision", left);
  speak(left ? n("{count} left", "{count} left", left) : t("Nothing waits"));
}

document.addEventListener("keydown", (event) => {
  if (!isCommand(event) || document.querySelector("dialog[open]")) return;
  const own = document.activeElement?.closest?.(".finding-card");
  const cards = [...list.children];
  if (event.key === "j" || event.key === "k") settle(cards[Math.max(0, Math.min(cards.length - 1, cards.indexOf(own) + (event.key === "j" ? 1 : -1)))]);
  else if (event.key === "Enter" && document.activeElement === own) own?.querySelector("[data-accept]")?.click();
  else if (event.key === "d" && own) own.querySelector("[data-dismiss]")?.click();
  else if (event.key === "z" && !by("undo-bar").hidden) by("undo").click();
  else return;
  event.preventDefault();
});

if (list) {
  call("GET", "/v1/health").then(({ findings }) => whenReleased(() => {
    by("examining").hidden = true;
    waiting = findings;
    fill();
    settle(document.activeElement === document.body ? list.firstElementChild : null);
  }), (error) => {
    by("examining").hidden = true;
    showProblem(by("problem"), error);
  });
}

ready(import.meta.url);
