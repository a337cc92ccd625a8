// The two architectures: boxes are steps, edges carry counts. Drawn once; then only counts change,
// so that focus stays where it is. An edge lights up when its count has moved.

const SHAPE = new WeakMap();

function edge(one) {
  const count = make("span", "count", "");
  const element = make("span", "edge", count, make("span", "arrow"), make("span", "", one.label));
  element.dataset.edge = one.id;
  element.title = one.title;
  return element;
}

function node(one, choose) {
  const element = make("button", one.waits ? "node waits" : "node", one.label);
  element.type = "button";
  element.title = one.title;
  element.dataset.step = one.step ?? "";
  element.disabled = !one.step;
  element.onclick = () => choose(one.step);
  return element;
}

function aside(one) {
  const element = make("span", "", `${one.label} `, make("span", "count", ""));
  element.dataset.edge = one.id;
  return element;
}

function lane(one, choose) {
  const chain = one.chain.map((each) => (each.id ? edge(each) : node(each, choose)));
  return make("div", `lane ${one.arm}`,
    make("div", "head", make("span", "who", one.name), make("span", "quiet", one.note)),
    make("div", "chain", ...chain), make("div", "side", ...one.side.map(aside)));
}

function ends(one) {
  const said = make("span", "", make("strong", "", one.title), ` ${one.text}`);
  return make("div", "ends", said, make("span", "quiet", ...one.counts.map(aside)));
}

function draw(place, drawing, choose) {
  const { source, lanes, sink } = drawing;
  place.replaceChildren(ends(source), ...lanes.map((one) => lane(one, choose)), ends(sink));
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const place = parentElement.querySelector(".diagram");
  const shape = JSON.stringify(data.drawing);
  const first = SHAPE.get(place) !== shape;
  if (first) {
    SHAPE.set(place, shape);
    draw(place, data.drawing, (step) => setTriggerValue("step", step));
  }
  for (const element of place.querySelectorAll("[data-edge]")) {
    const count = element.querySelector(".count");
    const now = String(data.counts[element.dataset.edge] ?? "–");
    if (count.textContent === now) continue;
    count.textContent = now;
    if (first) continue;
    element.classList.remove("moved");
    void element.offsetWidth; // starts the animation again
    element.classList.add("moved");
  }
  for (const element of place.querySelectorAll(".node")) {
    if (element.dataset.step) element.setAttribute("aria-pressed", String(element.dataset.step === data.step));
  }
}
