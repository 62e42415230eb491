"use strict";

async function ask(row, values) {
  const features = JSON.parse(row.closest("table").dataset.schemas)[row.dataset.schema];
  const record = Object.fromEntries(features.map((name) => [name, values.get(name) ?? null]));
  const answer = await fetch(row.dataset.path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ dataframe_records: [record] }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body.predictions[0];
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
  for (const field of form.querySelectorAll("input")) {
    values.set(field.name, field.value === "" ? null : Number(field.value));
  }
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
