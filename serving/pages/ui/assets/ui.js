"use strict";

// How old the server's picture of the registry is.
async function showFreshness() {
  const place = document.getElementById("freshness");
  if (!place) return;
  const answer = await fetch(`${document.body.dataset.base}/health/ready`);
  const facts = await answer.json();
  const age = Math.round(facts.registry_age_s);
  place.textContent = !answer.ok ? facts.message
    : facts.registry_error ? `The registry was last read ${age} s ago: ${facts.registry_error}`
    : "In step with the registry";
  place.classList.toggle("late", !answer.ok || Boolean(facts.registry_error));
}

// The server may know MLflow under an address that only it can follow.
function isLoopback(host) {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

function explainAddresses() {
  if (isLoopback(location.hostname)) return;
  for (const link of document.querySelectorAll("a.mlflow")) {
    if (!isLoopback(new URL(link.href).hostname)) continue;
    link.title = `${link.href} is on the server's own machine; SWATHE_MLFLOW_URL names the address for readers`;
    link.removeAttribute("href");
  }
}

function find(event) {
  const wanted = event.target.value.toLowerCase();
  for (const item of document.querySelectorAll("details.models li")) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
  }
}

// One version at a time is marked in every chart: by the slider, which keys move, or under the pointer.
function pickVersions(section) {
  const table = section.querySelector("table");
  const rows = [...table.tBodies[0].rows];
  const slider = section.querySelector("input[type=range]");
  const charts = [...section.querySelectorAll(".line")];
  const head = table.tHead.rows[0];
  const places = [...head.cells].slice(1).reverse().map((cell) => Number(cell.dataset.x));
  // The table begins with the newest version, the slider and the charts with the oldest.
  const picked = (row) => row.cells[places.length - slider.value];

  function mark() {
    const version = picked(head).textContent;
    slider.setAttribute("aria-valuetext", version);
    section.querySelector(".picked").textContent = version;
    charts.forEach((chart, index) => {
      chart.querySelector(".at").textContent = `${version} · ${picked(rows[index]).textContent}`;
      chart.querySelector(".cursor").setAttribute("transform", `translate(${places[slider.value]})`);
    });
  }

  function follow(event) {
    const drawing = event.currentTarget;
    const box = drawing.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * drawing.viewBox.baseVal.width;
    const away = places.map((place) => Math.abs(place - x));
    const nearest = String(away.indexOf(Math.min(...away)));
    if (nearest === slider.value) return;
    slider.value = nearest;
    mark();
  }

  section.querySelector(".pick").hidden = places.length < 2;
  slider.addEventListener("input", mark);
  for (const drawing of section.querySelectorAll(".line svg")) {
    drawing.addEventListener("pointerdown", follow);
    drawing.addEventListener("pointermove", follow);
  }
  mark();
}

explainAddresses();
const lines = document.getElementById("lines");
if (lines) pickVersions(lines);
document.getElementById("find")?.addEventListener("input", find);
showFreshness().catch((error) => console.warn(error));
