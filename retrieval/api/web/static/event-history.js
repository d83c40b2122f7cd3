// What was said of an event's faces, act by act, and taking it back.

import { call, element, mayEdit, ready, showProblem, tryAgain } from "./api.js";
import { moment, n, t } from "./messages.js";
import { facePicture } from "./who.js";

const by = (id) => document.getElementById(id);
const event = Number(by("history").dataset.id);
const FACES = 6;

const WORDS = {
  right: (act) => t("{person}: right", act),
  is: (act) => t("is {person}", act),
  not: (act) => t("is not {person}", act),
  nobody: () => t("nobody of ours"),
};

function actsOf(verdicts) {
  const acts = new Map();
  for (const each of verdicts) {
    const known = acts.get(each.act);
    if (known) known.faces.push(each.face);
    else acts.set(each.act, { ...each, person: each.person ?? t("somebody who was deleted"), faces: [each.face] });
  }
  return [...acts.values()].reverse();
}

function row(act) {
  const undone = act.undone_at !== null;
  return element("li", { class: undone ? "undone" : "" },
    element("span", { class: "history-faces" }, ...act.faces.slice(0, FACES).map((face) => facePicture(event, face))),
    element("span", { class: "grow" },
      element("strong", {}, WORDS[act.verdict](act)),
      act.faces.length > 1 ? element("span", { class: "soft" }, " · ", n("{count} face", "{count} faces", act.faces.length)) : null,
      element("span", { class: "small soft block" }, t("{who}, {when}", { who: act.judge, when: moment(act.at) }), undone ? ` · ${t("taken back by {who}, {when}", { who: act.undone_by, when: moment(act.undone_at) })}` : "")),
    mayEdit && !undone ? element("button", { class: "button small", type: "button", "aria-label": t("Undo: {what}", { what: WORDS[act.verdict](act) }), onclick: () => undo(act.act) }, t("Undo")) : null);
}

async function show() {
  const { verdicts } = await call("GET", `/v1/events/${event}/verdicts`);
  const acts = actsOf(verdicts);
  by("acts").replaceChildren(...(acts.length ? acts.map(row) : [element("li", { class: "soft" }, t("Nobody has said anything yet."))]));
}

async function undo(act) {
  by("problem").hidden = true;
  try {
    await call("POST", `/v1/events/${event}/verdicts/undo`, { json: { act } });
    await show();
  } catch (error) {
    showProblem(by("problem"), error);
  }
}

await show().catch((error) => {
  by("acts").replaceChildren(element("li", {}, tryAgain()));
  showProblem(by("problem"), error);
});

ready(import.meta.url);
