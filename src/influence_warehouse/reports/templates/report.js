// Draws the charts of a page, and makes its tables sortable and filterable. No text of a table
// is ever read as markup here.
"use strict";

function drawCharts() {
  const options = {
    // The interpreter needs no code from text, which the pages' policy forbids.
    ast: true, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true },
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  for (const figure of document.querySelectorAll("figure.chart")) {
    const spec = JSON.parse(document.getElementById(figure.dataset.spec).textContent);
    const place = document.createElement("div");
    vegaEmbed(place, spec, options).then(
      () => figure.replaceChildren(place),
      (error) => { figure.firstElementChild.textContent = "This chart cannot be drawn: " + error.message; },
    );
  }
}

function value(row, column, isNumber) {
  const text = row.cells[column].textContent.trim();
  return isNumber ? Number(text.replaceAll(",", "").replaceAll("\u2212", "-")) : text;
}

function compare(a, b) {
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  // What is unknown comes last, whichever way is sorted.
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b;
}

function sortBy(table, head, column) {
  const isDown = head.getAttribute("aria-sort") !== "descending";
  const isNumber = head.classList.contains("number");
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, column, isNumber), row]);
  rows.sort(([a], [b]) => {
    const known = !Number.isNaN(a) && !Number.isNaN(b);
    return known && isDown ? compare(b, a) : compare(a, b);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function addSorting(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "\u2195";
    button.setAttribute("aria-label", "Sort by " + head.textContent.trim());
    button.addEventListener("click", () => sortBy(table, head, column));
    head.append(button);
  });
}

function addFilter(table) {
  const label = document.createElement("label");
  label.className = "filter";
  label.append("Show rows with ");
  const input = document.createElement("input");
  input.type = "search";
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  label.append(input);
  table.parentElement.before(label);
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  if (table.tBodies[0].rows.length < 3) continue;
  addSorting(table);
  addFilter(table);
}
drawCharts();
