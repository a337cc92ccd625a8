// Where an event is now: a lane an arm, a segment a stage, with measured times.

function watch(wall) {
  const form = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
  return new Date(wall * 1000).toLocaleTimeString("en-GB", form);
}

function segment(one, ticking) {
  const element = make("span", `segment ${one.state}`, make("span", "name", one.name));
  if (one.took) element.append(make("span", "took", one.took));
  if (one.time) element.append(line(one.time, "took", ticking));
  if (one.at) element.append(make("span", "at", watch(one.at)));
  element.style.flexGrow = String(one.grow ?? 1);
  element.title = one.title ?? one.name;
  return element;
}

function lane(one, ticking) {
  const said = make("div", "said", make("span", "who", one.name), line(one.end, "end", ticking));
  const way = make("div", "way", ...one.segments.map((each) => segment(each, ticking)));
  return make("div", `lane ${one.arm}`, said, way);
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  parentElement.querySelector(".panel").classList.toggle("big", !!data.big);
  const follow = parentElement.querySelector(".follow");
  follow.hidden = !data.follow;
  follow.onclick = () => setTriggerValue("follow", true);
  return live(component, {
    title: (title, ticking) => [line(title, "", ticking)],
    lanes: (lanes, ticking) => (lanes ?? []).map((one) => lane(one, ticking)),
  });
}
