// Name a group of unknown faces: it is enrolled, and earlier answers become known.

import { call, element, ready, showProblem, suggestNames } from "./api.js";
import { list, n, t } from "./messages.js";

const by = (id) => document.getElementById(id);

document.querySelectorAll("form[data-group]").forEach((form) => {
  const input = form.querySelector("input");
  input.addEventListener("input", () => suggestNames(input, by("names")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    by("problem").hidden = true;
    try {
      const named = await call("POST", `/v1/unknowns/${form.dataset.group}/name`, { json: { person: input.value.trim(), face_ids: JSON.parse(form.dataset.faces) } });
      const photos = [...new Set(named.now_known.map((answer) => answer.photo))];
      by("named").replaceChildren(element("div", { class: "notice" }, element("div", {},
        element("strong", {}, n("{name} is enrolled with {count} face.", "{name} is enrolled with {count} faces.", named.enrolled.length, { name: named.person })),
        element("p", { class: "small" }, t("Now known in: {photos}", { photos: list(photos) })))));
      form.closest("li").remove();
    } catch (error) {
      showProblem(by("problem"), error);
    }
  });
});

ready(import.meta.url);
