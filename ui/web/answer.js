// One airline's answer: head (what it knows of), verdict, marked words, why, documents with ages.

function marked(spans) {
  return (spans ?? []).map((span) => {
    if (!span.mark) return document.createTextNode(span.text);
    const mark = make("mark", span.mark, span.text);
    mark.title = span.title;
    return mark;
  });
}

function changed(spans) {
  const tags = { gone: "del", new: "ins" };
  return spans.flatMap((span) => [
    span.mark ? make(tags[span.mark], "", span.text) : document.createTextNode(span.text),
    " ",
  ]);
}

function opener(component) {
  const button = make("button", "behind", "How?");
  button.type = "button";
  button.title = "Who did what, what was checked, and the exact prompt";
  button.addEventListener("click", () => component.setTriggerValue("behind", true));
  return button;
}

function badge(verdict) {
  if (!verdict) return [];
  const said = make("span", `badge ${verdict.status}`, `${verdict.mark} ${verdict.word}`);
  said.setAttribute("role", "status");
  return [said];
}

function harmed(one) {
  const said = make("span", "harm", `⚠ Damage: ${one.text}`);
  said.title = one.title;
  return said;
}

function row(one, ticking) {
  const text = make("span", "what", one.text);
  text.title = one.text;
  return make("li", "", text, line(one.age, "age", ticking));
}

function body(answer, ticking) {
  if (answer.empty) {
    return [make("p", "answer quiet", answer.empty.title), make("p", "quiet", answer.empty.text)];
  }
  if (answer.waiting) return [make("div", "bone wide"), make("div", "bone")];
  const said = make("p", "answer", ...marked(answer.spans));
  const deeds = (answer.deeds ?? []).map((deed) => make("p", "deed", line(deed, "", ticking)));
  const parts = [...badge(answer.verdict), ...(answer.harm ?? []).map(harmed), ...deeds, said];
  if (answer.why) parts.push(make("p", "why", line(answer.why, "", ticking)));
  return parts;
}

export default function (component) {
  const { data, parentElement } = component;
  parentElement.querySelector(".card").className = `card ${data.arm}`;
  return live(component, {
    head: (head, ticking) => [
      make("h2", "", make("span", "sign", head.sign), ` ${head.name}`),
      line(head.score, "score", ticking),
      line(head.knows, "knows", ticking),
    ],
    body,
    since: (changes) => (changes ?? []).map((spans) => make("p", "", "Since you asked: ", ...changed(spans))),
    behind: (shown) => (shown ? [opener(component)] : []),
    documents: (documents, ticking) => (documents ?? []).map((one) => row(one, ticking)),
    foot: (foot, ticking) => (foot ? [line(foot, "", ticking)] : []),
  });
}
