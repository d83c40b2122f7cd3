// Everybody: add a person, and do something with those who are chosen.

import { mayEdit, ready } from "./api.js";
import { addPerson } from "./addperson.js";
import { choosing } from "./chosen.js";

document.getElementById("sort")?.addEventListener("change", (event) => event.target.form.requestSubmit());
if (mayEdit) addPerson();
if (document.getElementById("chosen")) choosing();

ready(import.meta.url);
