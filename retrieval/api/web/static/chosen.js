// People who are chosen on the list: export them, expect them at an event, delete them.

import { acting, address, call, element, pageOf, portrait, speak } from "./api.js";
import { n, plain, t } from "./messages.js";

const by = (id) => document.getElementById(id);
const boxes = () => [...document.querySelectorAll("#people input[name=person]")];

// Who is meant, as whoever chose them saw them: so the wrong person is never changed.
const chosen = () => boxes().filter((box) => box.checked).map((box) => ({
  id: Number(box.value), called: box.dataset.name, number: box.dataset.number, face: box.dataset.face,
}));

function show() {
  const people = chosen();
  by("chosen").hidden = people.length === 0;
  by("chosen-count").textContent = n("{count} person chosen", "{count} people chosen", people.length);
  for (const format of ["csv", "xlsx"]) {
    const url = address("/v1/people/export", { format, sort: by("chosen").dataset.sort });
    for (const person of people) url.searchParams.append("person", person.id);
    by(`export-${format}`).href = url.pathname + url.search;
  }
}

function all(checked) {
  for (const box of boxes()) box.checked = checked;
  show();
}

function named(person) {
  return element("li", { class: "row", "data-person": person.id }, portrait(person.called, person.face, "small-picture"),
    element("span", { class: "grow" }, element("strong", {}, person.called), person.number ? element("span", { class: "small soft" }, ` ${person.number}`) : null),
    element("span", { class: "small", "data-outcome": true }));
}

function beginDeleting() {
  const people = chosen();
  by("bulk-title").textContent = n("Delete {count} person for good?", "Delete {count} people for good?", people.length);
  by("bulk-list").replaceChildren(...people.map(named));
  by("bulk-dialog").showModal();
}

// One after the other: each has a receipt of their own, and one who was renamed meanwhile stays.
async function deleteAll(event) {
  event.preventDefault();
  const people = chosen();
  const bar = by("bulk-progress");
  by("bulk-go").hidden = true;
  by("bulk-cancel").hidden = true;
  Object.assign(bar, { hidden: false, max: people.length, value: 0 });
  let gone = 0;
  for (const person of people) {
    const outcome = by("bulk-list").querySelector(`[data-person="${person.id}"] [data-outcome]`);
    try {
      const receipt = await call("DELETE", `/v1/people/${person.id}`, { parameters: { called: person.called } });
      gone += 1;
      outcome.replaceChildren(element("a", { href: pageOf(`/receipts/${receipt.id}`) }, t("Receipt")));
    } catch (error) {
      outcome.classList.add("bad");
      outcome.textContent = error.message;
    }
    bar.value += 1;
  }
  const left = people.length - gone;
  by("bulk-title").textContent = n("{count} person is deleted", "{count} people are deleted", gone)
    + (left ? `, ${n("{count} is not", "{count} are not", left)}` : "");
  by("bulk-about").textContent = left ? t("Why somebody is not stands beside the name.") : t("Files are searched for what could be left; the receipts tell when that is done.");
  bar.hidden = true;
  by("bulk-receipts").hidden = false;
  by("bulk-done").hidden = false;
  by("bulk-done").focus();
  by("bulk-dialog").addEventListener("close", () => location.reload());
}

async function expectAll() {
  const people = chosen().map(({ id, called }) => ({ id, called }));
  const to = by("expect-event");
  await call("POST", `/v1/events/${to.value}/expected`, { json: { people } });
  by("expect-dialog").close();
  all(false);
  speak(n("{count} person is expected at {event}", "{count} people are expected at {event}", people.length, { event: to.selectedOptions[0].textContent }));
}

// Of many events those whose name or day has what is searched.
function searching() {
  const events = [...by("expect-event").options];
  const search = by("expect-search");
  search.addEventListener("input", () => {
    by("expect-event").replaceChildren(...events.filter((each) => plain(each.text).includes(plain(search.value.trim()))));
  });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); }); // chooses nothing yet
}

export function choosing() {
  by("people").addEventListener("change", show);
  by("choose-all").addEventListener("click", () => all(true));
  by("choose-none").addEventListener("click", () => all(false));
  by("delete-chosen")?.addEventListener("click", beginDeleting);
  by("bulk-form")?.addEventListener("submit", deleteAll);
  by("expect")?.addEventListener("click", () => by("expect-dialog").showModal());
  if (by("expect-search")) searching();
  by("expect-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    acting(expectAll, event.target.querySelector("[data-problem]"));
  });
  show(); // boxes that the browser remembers
}
