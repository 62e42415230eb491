"use strict";

const form = document.getElementById("rate");
const rated = document.getElementById("rated");
let searches = 0;

function refuse(place, reason) {
  place.textContent = reason;
  place.hidden = !reason;
}

// Ids as they are written: those of 64 bits are more than a number here can hold.
function withIdsAsText(answer) {
  return JSON.parse(answer.replace(/"item":(-?[0-9]+)/g, '"item":"$1"'));
}

async function read(path, options) {
  const answer = await fetch(path, options);
  const body = withIdsAsText(await answer.text());
  if (!answer.ok) throw new Error(body.message);
  return body;
}

function button(text, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", pressed);
  return made;
}

function listed(...parts) {
  const item = document.createElement("li");
  item.append(...parts);
  return item;
}

const counted = (ratings) => `${ratings.toLocaleString("en")} rating${ratings === 1 ? "" : "s"}`;

function rate(item) {
  if ([...rated.children].some((row) => row.dataset.item === item)) return;
  const field = document.createElement("input");
  Object.assign(field, { type: "number", step: "any", required: true, value: form.dataset.highest });
  const label = document.createElement("label");
  label.append(`Rating of ${item}`, field);
  const row = listed(label, button(`Remove ${item}`, () => { row.remove(); showRated(); }));
  row.dataset.item = item;
  rated.append(row);
  showRated();
  field.focus();
  field.select();
}

function showRated() {
  form.querySelector("fieldset").hidden = !rated.children.length;
}

async function search() {
  const asked = ++searches;
  const query = new URLSearchParams({ prefix: document.getElementById("item").value, limit: 20 });
  try {
    const body = await read(`${form.dataset.items}?${query}`);
    // Answers may come in another order than they were asked for.
    if (asked !== searches) return;
    const found = body.items.map(({ item, ratings, mean_rating }) =>
      listed(button(`${item} · ${counted(ratings)}, mean ${mean_rating.toFixed(2)}`, () => rate(item))));
    document.getElementById("found").replaceChildren(...(found.length ? found : [listed("No item begins so.")]));
    refuse(document.getElementById("search-refused"), "");
  } catch (error) {
    refuse(document.getElementById("search-refused"), error.message);
  }
}

const words = {
  ratings: "By your ratings.",
  popularity: "By how often each was rated: your ratings tell this version nothing.",
};

function show(place, answer) {
  const unknown = answer.unknown_items.length ? ` Not known here: ${answer.unknown_items.join(", ")}.` : "";
  place.querySelector(".basis").textContent = words[answer.basis] + unknown;
  const told = answer.basis === "ratings" ? (score) => score.toFixed(3) : counted;
  place.querySelector("ol").replaceChildren(
    ...answer.recommendations.map(({ item, score }) => listed(`${item} · ${told(score)}`)));
}

async function submit(event) {
  event.preventDefault();
  const ratings = [...rated.children].map((row) => ({
    item: row.dataset.item, rating: row.querySelector("input").valueAsNumber }));
  const options = {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ratings, n: 10 }) };
  await Promise.all([...document.querySelectorAll(".recommended")].map(async (place) => {
    const refused = place.querySelector(".refused");
    try {
      show(place, await read(place.dataset.path, options));
      refuse(refused, "");
    } catch (error) {
      place.querySelector(".basis").textContent = "";
      place.querySelector("ol").replaceChildren();
      refuse(refused, error.message);
    }
  }));
}

if (form) {
  form.addEventListener("submit", submit);
  document.getElementById("item").addEventListener("input", search);
  search();
}
