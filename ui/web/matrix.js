// The record and both airlines side by side: a column each, a row a thing that they speak of.

function marked(spans) {
  return (spans ?? []).map((span) => {
    if (!span.mark) return document.createTextNode(span.text);
    const tag = { gone: "del", new: "ins" }[span.mark] ?? "mark";
    return make(tag, span.mark, span.text);
  });
}

function head(one, ticking) {
  const name = make("h2", "", make("span", "sign", one.sign), ` ${one.name}`);
  return make("div", `head ${one.arm}`, name, line(one.note, "note", ticking));
}

function cell(one, column, ticking) {
  const said = make("div", "said");
  if (one.word) said.append(make("span", `badge ${one.status}`, `${one.mark} ${one.word}`));
  if (one.note) said.append(line(one.note, "note", ticking));
  const text = make("p", one.quiet ? "quiet" : "", ...marked(one.spans));
  const whose = make("span", "whose", `${column.sign} ${column.name}`);
  return make("div", `cell ${column.arm}`, whose, said.childNodes.length ? said : null, text);
}

export default function (component) {
  const { columns } = component.data;
  return live(component, {
    columns: (heads, ticking) => (heads ?? []).map((one) => head(one, ticking)),
    rows: (rows, ticking) => (rows ?? []).flatMap((one) => [
      make("h3", "", line(one.title, "", ticking)),
      make("div", "row", ...one.cells.map((each, place) => cell(each, columns[place], ticking))),
    ]),
  });
}
