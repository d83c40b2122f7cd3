// Add a person, with photos by drag or choice.

import { call, droppable, element, mayEdit, pageOf, ready, showProblem } from "./api.js";
import { t } from "./messages.js";
import { enrolAsking } from "./whichface.js";

const by = (id) => document.getElementById(id);

if (mayEdit) {
  const dialog = by("add-dialog");
  let photos = [];

  const take = (files) => {
    photos = [...photos, ...files];
    by("add-thumbs").replaceChildren(...photos.map((file) => {
      const image = element("img", { src: URL.createObjectURL(file), alt: file.name });
      image.addEventListener("load", () => URL.revokeObjectURL(image.src));
      return image;
    }));
    by("add-problem").hidden = true;
  };
  const open = (files = []) => {
    photos = [];
    take(files);
    if (!dialog.open) dialog.showModal();
    by("add-name").focus();
  };

  by("add").addEventListener("click", () => open());
  by("add-first")?.addEventListener("click", () => open());
  droppable(document.body, (files) => (dialog.open ? take(files) : open(files)));
  droppable(dialog.querySelector("[data-drop]"), take);
  for (const chooser of [by("add-files"), by("add-camera")]) {
    chooser.addEventListener("change", () => {
      take([...chooser.files]);
      chooser.value = "";
    });
  }

  // A name that somebody has is said before photos go to that person.
  let asked = 0;
  async function tellKnown() {
    const mine = (asked += 1);
    const name = by("add-name").value.trim();
    const answer = name ? await call("GET", "/v1/people", { parameters: { search: name, limit: 20 } }).catch(() => null) : null;
    if (mine !== asked) return;
    const same = (answer?.people ?? []).filter((person) => person.person.toLowerCase() === name.toLowerCase());
    const other = by("add-id").value.trim() && same.every((person) => person.external_id && person.external_id !== by("add-id").value.trim());
    by("add-known").hidden = same.length === 0;
    by("add-known").textContent = other
      ? t("{name} is enrolled already, with another number. This becomes a second person of that name.", { name })
      : t("{name} is enrolled already: these photos go to the same person. Is it somebody else? Then give an employee number.", { name });
  }
  by("add-name").addEventListener("input", tellKnown);
  by("add-id").addEventListener("input", tellKnown);

  by("add-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!photos.length) {
      showProblem(by("add-problem"), new Error(t("Add at least one photo that shows this person.")));
      return;
    }
    const submit = event.target.querySelector("[type=submit]");
    submit.disabled = true;
    const fields = { person: by("add-name").value.trim(), external_id: by("add-id").value.trim() };
    try {
      const made = await enrolAsking(fields, photos);
      sessionStorage.setItem("told", JSON.stringify(made));
      location.assign(pageOf(`/people/${made.id}`));
    } catch (error) {
      showProblem(by("add-problem"), error);
      submit.disabled = false;
    }
  });
}

ready(import.meta.url);
