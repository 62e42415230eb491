"use strict";

async function ask(row, values) {
  const inputs = JSON.parse(row.closest("table").dataset.schemas)[row.dataset.schema];
  const record = inputs.map((name) => `${JSON.stringify(name)}:${values.get(name) ?? "null"}`).join();
  const answer = await fetch(row.dataset.path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"dataframe_records":[{${record}}]}`,
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body.predictions[0];
}

// The value as JSON: integers of 64 bits are more than a number here can hold.
function written(field) {
  if (field.value === "") return "null";
  switch (field.dataset.kind) {
    case "choice":
    case "boolean":
      return field.value;
    case "double":
      return String(Number(field.value));
    case "long":
      return /^-?(0|[1-9][0-9]*)$/.test(field.value) ? field.value : String(Number(field.value));
    default:
      return JSON.stringify(field.value);
  }
}

function show(row, prediction) {
  const colour = JSON.parse(row.closest("table").dataset.colours)[prediction.label];
  const chip = document.createElement("span");
  chip.className = colour === undefined ? "chip" : `chip c${colour % 10}`;
  chip.textContent = prediction.label;
  row.querySelector(".cluster").replaceChildren(chip);
  refuse(row, "");
  row.querySelector(".distance").textContent = prediction.distance.toFixed(3);
  const place = row.querySelector(".probabilities");
  if (place) place.textContent = told(JSON.parse(place.dataset.labels), prediction.probabilities);
}

// The largest first; of many, those that are no tenth of a percent are only counted.
function told(labels, probabilities) {
  const pairs = labels.map((label, i) => [label, probabilities[i]]).sort((one, other) => other[1] - one[1]);
  const shown = pairs.filter(([, share], i) => i === 0 || share >= 0.001);
  const rest = pairs.length - shown.length;
  const words = shown.map(([label, share]) => `${label} ${(100 * share).toFixed(1)}%`).join(", ");
  return rest ? `${words}, ${rest} below 0.1%` : words;
}

function refuse(row, reason) {
  const place = row.querySelector(".refused");
  place.textContent = reason;
  place.hidden = !reason;
}

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  const values = new Map();
  for (const field of form.querySelectorAll("input, select")) values.set(field.name, written(field));
  await Promise.all(
    [...document.querySelectorAll(".answers tbody tr")].map(async (row) => {
      try {
        show(row, await ask(row, values));
      } catch (error) {
        for (const place of row.querySelectorAll(".cluster, .distance, .probabilities")) place.textContent = "–";
        refuse(row, error.message);
      }
    }),
  );
}

document.getElementById("row")?.addEventListener("submit", submit);
