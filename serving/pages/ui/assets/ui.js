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

explainAddresses();
document.getElementById("find")?.addEventListener("input", find);
showFreshness().catch((error) => console.warn(error));
