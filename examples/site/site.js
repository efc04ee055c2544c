"use strict";

// Shows what the layers did to an answer: asks for the style sheet again and lists its fields.
const shown = [
  "content-type",
  "content-encoding",
  "content-length",
  "etag",
  "vary",
  "cache-control",
  "x-request-id",
  "content-security-policy",
];

async function listFields() {
  const answer = await fetch("style.css", { cache: "no-store" });
  const rows = shown
    .filter((name) => answer.headers.has(name))
    .map((name) => {
      const row = document.createElement("tr");
      for (const text of [name, answer.headers.get(name)]) {
        const cell = document.createElement("td");
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    });
  document.getElementById("fields").replaceChildren(...rows);
}

async function echo() {
  const answer = await fetch("/echo", { method: "POST", body: "vanakkam" });
  document.getElementById("said").textContent = await answer.text();
}

document.getElementById("echo").addEventListener("click", echo);
listFields();
