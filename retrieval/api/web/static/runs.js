// Start a run from an archive or a folder on the server.

import { call, mayEdit, pageOf, ready, showProblem } from "./api.js";

const by = (id) => document.getElementById(id);

async function start(form) {
  by("problem").hidden = true;
  by("working").hidden = false;
  try {
    const run = await call("POST", "/v1/runs", { form });
    location.assign(pageOf(`/runs/${run.run}`));
  } catch (error) {
    showProblem(by("problem"), error);
  } finally {
    by("working").hidden = true;
  }
}

function startArchive(file) {
  const form = new FormData();
  form.append("archive", file);
  by("archive-name").textContent = file.name;
  start(form);
}

if (mayEdit && by("archive-form")) {
  by("archive").addEventListener("change", (event) => startArchive(event.target.files[0]));
  document.body.addEventListener("dragover", (event) => event.preventDefault());
  document.body.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) startArchive(event.dataTransfer.files[0]);
  });
  by("folder-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData();
    form.append("folder", by("folder").value.trim());
    start(form);
  });
}

ready(import.meta.url);
