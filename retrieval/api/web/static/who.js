// Who is it? A dialog that finds people by name or number, with their faces, or makes a new one.

import { address, call, element, portrait } from "./api.js";
import { t } from "./messages.js";
import { released } from "./pressing.js";

const MOST = 8;

let dialog = null;

function built() {
  const input = element("input", { type: "text", id: "who-name", role: "combobox", "aria-expanded": "false", "aria-controls": "who-list", "aria-autocomplete": "list", autocomplete: "off", maxlength: "200", placeholder: t("Name or number") });
  const options = element("ul", { id: "who-list", role: "listbox", class: "who-list", "aria-label": t("People") });
  const number = element("input", { type: "text", id: "who-number", maxlength: "200", autocomplete: "off" });
  const numberField = element("div", { class: "field", hidden: true }, element("label", { for: "who-number" }, t("Employee number of the new person"), " ", element("small", {}, t("optional"))), number);
  const teach = element("input", { type: "checkbox", id: "who-teach" });
  const go = element("button", { class: "button primary", disabled: true }, t("That is who it is"));
  const cancel = element("button", { class: "button quiet", type: "button" }, t("Cancel"));
  const picture = element("span", { class: "who-picture" });
  const title = element("h2", { id: "who-title" });
  const form = element("form", { method: "dialog" },
    element("div", { class: "row" }, picture, title),
    element("div", { class: "field" }, element("label", { for: "who-name" }, t("Name or number")), input),
    options, numberField,
    element("label", { class: "row check" }, teach, element("span", {}, t("Also enrol this face as a photo of that person"))),
    element("div", { class: "actions" }, cancel, go));
  const made = element("dialog", { id: "who-dialog", "aria-labelledby": "who-title" }, form);
  document.body.append(made);
  return { made, title, form, input, options, number, numberField, teach, go, cancel, picture };
}

// Who is meant; `except` is nobody's answer, `knownOnly` makes no new person, `photosOnly` speaks of
// photos that are enrolled already, `enrols` of faces that will be in any case. Resolves with {person_id, person} or {person, external_id, isNew}, and teach; with null for nothing.
export function askWho({ picture, teach = false, title = t("Who is this?"), go: act = t("That is who it is"), except = null, knownOnly = false, photosOnly = false, enrols = false }) {
  dialog ??= built();
  const { made, form, input, options, number, numberField, go, cancel } = dialog;
  const controller = new AbortController();
  const { signal } = controller;
  let found = [];
  let active = -1;
  let picked = null; // the row that somebody went to
  let asked = 0;
  dialog.picture.replaceChildren(picture);
  input.value = "";
  number.value = "";
  dialog.teach.checked = teach;
  dialog.teach.closest("label").hidden = knownOnly || photosOnly || enrols;
  dialog.title.textContent = title;
  go.textContent = act;

  function show() {
    const wanted = input.value.trim();
    const exact = found.some((person) => person.person.toLowerCase() === wanted.toLowerCase());
    const rows = found.map((person) => ({ person_id: person.id, person: person.person, external_id: person.external_id, face: person.face_id }));
    if (wanted && !exact && !knownOnly) rows.push({ isNew: true, person: wanted });
    options.replaceChildren(...rows.map((row, number) => option(row, number)));
    options.rows = rows;
    input.setAttribute("aria-expanded", String(rows.length > 0));
    // Whom somebody went to stays chosen, or nobody is; another who came into that place is not meant.
    choose(picked ? rows.findIndex((row) => (picked.isNew ? row.isNew : row.person_id === picked.person_id)) : Math.min(0, rows.length - 1));
  }

  function pick(number) {
    picked = options.rows[number];
    choose(number);
  }

  function option(row, number) {
    const made = element("li", { id: `who-${number}`, role: "option", "aria-selected": "false" },
      row.isNew ? element("span", { class: "portrait small-picture", "aria-hidden": "true" }, "+") : portrait(row.person, row.face, "small-picture"),
      element("span", { class: "grow" },
        element("strong", {}, row.isNew ? t("New person “{name}”", { name: row.person }) : row.person),
        row.external_id ? element("span", { class: "small soft" }, row.external_id) : null));
    made.addEventListener("pointerdown", (event) => { event.preventDefault(); pick(number); });
    made.addEventListener("click", () => { pick(number); if (!row.isNew) finish(); else dialog.number.focus(); });
    return made;
  }

  function choose(number) {
    active = number;
    [...options.children].forEach((each, row) => each.setAttribute("aria-selected", String(row === active)));
    const row = options.rows?.[active];
    input.setAttribute("aria-activedescendant", row ? `who-${active}` : "");
    options.children[active]?.scrollIntoView({ block: "nearest" });
    numberField.hidden = !row?.isNew || photosOnly;
    if (row?.isNew) dialog.teach.checked = true; // without a photo nobody can be recognised
    go.disabled = !row;
  }

  async function look() {
    const mine = (asked += 1);
    const answer = await call("GET", "/v1/people", { parameters: { search: input.value.trim(), limit: MOST } }).catch(() => null);
    await released();
    if (mine !== asked || signal.aborted) return;
    found = (answer?.people ?? []).filter((person) => person.id !== except);
    show();
  }

  let finish;
  const answer = new Promise((done) => {
    finish = (nothing) => {
      const row = options.rows?.[active];
      controller.abort();
      made.close();
      if (nothing === true || !row) return done(null);
      done({
        ...(row.isNew ? { person: row.person, external_id: number.value.trim() || null, isNew: true } : { person_id: row.person_id, person: row.person, face: row.face }),
        teach: dialog.teach.checked,
      });
    };
  });
  let looking = null; // what is chosen by Enter is found by what was typed until then
  input.addEventListener("input", () => { picked = null; looking = look(); }, { signal });
  input.addEventListener("keydown", (event) => {
    const rows = options.rows?.length ?? 0;
    if (event.key === "ArrowDown" && rows) pick((active + 1) % rows);
    else if (event.key === "ArrowUp" && rows) pick((Math.max(active, 0) - 1 + rows) % rows);
    else return;
    event.preventDefault();
  }, { signal });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await looking;
    if (!go.disabled && !signal.aborted) finish();
  }, { signal });
  cancel.addEventListener("click", () => finish(true), { signal });
  made.addEventListener("cancel", (event) => { event.preventDefault(); finish(true); }, { signal });
  made.showModal();
  input.focus();
  options.rows = [];
  look();
  return answer;
}

// The picture of a face of an event; where there is none, its place stays empty.
export function facePicture(event, face, label = "") {
  const image = element("img", { class: "face-picture", src: address(`/v1/events/${event}/appearances/${face}/picture`, { optional: 1 }), alt: label, width: 112, height: 112, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(element("span", { class: "face-picture none", role: label ? "img" : undefined, "aria-label": label || undefined })));
  return image;
}
