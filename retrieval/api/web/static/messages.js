// Texts in the page's language: `t` for a text, `n` for one with a number, formats for dates.

const address = document.documentElement.dataset.messages;
const known = address ? await (await fetch(address)).json() : {};

export const language = document.documentElement.lang || "en";
const formats = language === "en" ? "en-GB" : language; // days before months, 24 hours

const plural = new Intl.PluralRules(language);
const categories = plural.resolvedOptions().pluralCategories;

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// t("{name} was added", { name })
export function t(text, values = {}) {
  return filled(known[text] ?? text, values);
}

// n("{count} photo", "{count} photos", count)
export function n(one, many, count, values = {}) {
  const forms = known[one];
  const form = Array.isArray(forms)
    ? forms[Math.min(categories.indexOf(plural.select(count)), forms.length - 1)]
    : count === 1 ? one : many;
  return filled(form, { count: number(count), ...values });
}

// A text as it is searched: without case and accents.
export const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const numbers = new Intl.NumberFormat(language);
export const number = (count) => numbers.format(count);
// A likeness, say: always so many digits behind the comma.
export const decimal = (value, digits = 3) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
export const percent = (share, digits = 2) =>
  new Intl.NumberFormat(language, { style: "percent", maximumSignificantDigits: digits }).format(share);
export const list = (names) => new Intl.ListFormat(language).format(names);

// Seconds of a video as people read them: 01:40, or 1:02:03 behind the first hour.
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (part) => String(part).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

// A day as the calendar has it, whatever the viewer's zone.
export function day(text, style = "long") {
  const [year, month, date] = text.slice(0, 10).split("-").map(Number);
  return new Intl.DateTimeFormat(formats, { dateStyle: style, timeZone: "UTC" }).format(Date.UTC(year, month - 1, date));
}

// The day of a moment, in the viewer's own zone.
export const dayOf = (moment) => new Intl.DateTimeFormat(formats, { dateStyle: "long" }).format(new Date(moment));

// A moment in the viewer's own zone.
export const moment = (text) =>
  new Intl.DateTimeFormat(formats, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
