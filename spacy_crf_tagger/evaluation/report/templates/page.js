"use strict";
(() => {
  document.documentElement.classList.add("js");

  // A unit is what is sorted: a row, or a body of rows that belong together.
  const unitsOf = (table) =>
    table.classList.contains("groups") ? [...table.tBodies] : [...table.tBodies[0].rows];
  const cellOf = (unit, column) => (unit.rows ? unit.rows[0] : unit).cells[column];
  const valueOf = (unit, column) => {
    const cell = cellOf(unit, column);
    const text = cell.dataset.v ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });

  const sort = (table, column, descending) => {
    const known = unitsOf(table).map((unit) => [valueOf(unit, column), unit]);
    known.sort(([a], [b]) => {
      // What has no value comes last, either way.
      if (a === null || b === null) return (a === null) - (b === null);
      return descending ? compare(b, a) : compare(a, b);
    });
    for (const [, unit] of known) unit.parentNode.append(unit);
  };

  for (const table of document.querySelectorAll("table.sort")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const descending = now ? now === "ascending" : head.classList.contains("n");
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  }

  for (const tools of document.querySelectorAll(".tools")) {
    const table = document.getElementById(tools.dataset.table);
    const [search, kind] = [tools.querySelector("input"), tools.querySelector("select")];
    const count = tools.querySelector("output");
    const texts = new Map(unitsOf(table).map((u) => [u, u.textContent.toLowerCase()]));
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [unit, text] of texts) {
        const fits = !kind.value || unit.dataset.kind === kind.value;
        unit.hidden = !(fits && words.every((word) => text.includes(word)));
        shown += !unit.hidden;
      }
      count.textContent = `${shown} of ${texts.size} shown`;
    };
    search.addEventListener("input", filter);
    kind.addEventListener("change", filter);
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
