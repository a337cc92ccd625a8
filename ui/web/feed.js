// The newest events. A row is a button that stays the same element while it is in the list.

function states(one, ticking) {
  const arm = (name, parts) => line(parts, `arm ${name}`, ticking);
  return make("span", "states", arm("dawn", one.stream), arm("night", one.batch));
}

function row(one, ticking, choose, kept) {
  const item = kept.get(one.id) ?? make("li", "", make("button"));
  const button = item.firstChild;
  button.type = "button";
  button.replaceChildren(
    make("span", "what", make("span", "strong", one.kind), line(one.when, "when", ticking)),
    make("span", "whom", one.whom),
    states(one, ticking),
  );
  button.setAttribute("aria-pressed", String(one.chosen));
  button.onclick = () => choose(one.id);
  item.dataset.id = one.id;
  return item;
}

export default function (component) {
  const { parentElement, setTriggerValue } = component;
  const choose = (id) => setTriggerValue("chosen", id);
  const list = parentElement.querySelector("ul");
  const kept = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const focused = list.getRootNode().activeElement;
  const end = live(component, {
    rows: (rows, ticking) => (rows ?? []).map((one) => row(one, ticking, choose, kept)),
  });
  if (focused?.isConnected) focused.focus({ preventScroll: true });
  return end;
}
