// A table. A cell is a line of parts, or {bar: share, arm} drawn as a bar.

function cell(one, column, ticking) {
  const name = `${column.number ? "number" : ""} ${column.wide ? "wide" : ""}`.trim();
  if (Array.isArray(one)) return make("td", name, line(one, "", ticking));
  const fill = make("span", `fill ${one.arm ?? ""}`);
  fill.style.width = `${Math.min(1, Math.max(0, one.bar)) * 100}%`;
  const bar = make("span", "bar", fill);
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", one.title);
  bar.title = one.title;
  return make("td", name, bar);
}

export default function (component) {
  const { columns } = component.data;
  return live(component, {
    title: (title) => [document.createTextNode(title)],
    note: (note, ticking) => [line(note, "", ticking)],
    columns: () => [make("tr", "", ...columns.map((one) => {
      const head = make("th", `${one.number ? "number" : ""} ${one.wide ? "wide" : ""}`.trim(), one.label);
      head.scope = "col";
      return head;
    }))],
    rows: (rows, ticking) => (rows ?? []).map((row) =>
      make("tr", "", ...row.map((one, place) => cell(one, columns[place], ticking)))),
  });
}
