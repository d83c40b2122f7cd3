// Add a person, with photos by drag or choice.

import { droppable, element, mayEdit, pageOf, ready, showProblem } from "./api.js";
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
