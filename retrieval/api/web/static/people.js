// Add a person, with photos by drag or choice.

import { call, droppable, element, mayEdit, pageOf, ready, showProblem } from "./api.js";

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
  by("add-files").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = "";
  });

  by("add-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!photos.length) {
      showProblem(by("add-problem"), new Error("Add at least one photo that shows this person."));
      return;
    }
    const submit = event.target.querySelector("[type=submit]");
    submit.disabled = true;
    const form = new FormData();
    form.append("person", by("add-name").value.trim());
    if (by("add-id").value.trim()) form.append("external_id", by("add-id").value.trim());
    photos.forEach((file) => form.append("photos", file));
    try {
      const made = await call("POST", "/v1/people", { form });
      sessionStorage.setItem("told", JSON.stringify(made));
      location.assign(pageOf(`/people/${made.id}`));
    } catch (error) {
      showProblem(by("add-problem"), error);
      submit.disabled = false;
    }
  });
}

ready(import.meta.url);
