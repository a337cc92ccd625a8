// A stretch of wall time with what happened in it, and a handle to choose a moment.

function airlineAt(clocks, wall) {
  const held = clocks.filter((one) => one.wall <= wall);
  return airlineNow(held[held.length - 1] ?? clocks[0], wall);
}

function lane(one, from, to) {
  const place = (at) => `${((at - from) / Math.max(to - from, 1)) * 100}%`;
  const way = make("div", "way");
  for (const each of one.marks) {
    const mark = make("span", `tick ${each.style ?? ""}`);
    mark.style.left = place(each.at);
    mark.title = each.title;
    way.append(mark);
  }
  return make("div", `lane ${one.arm}`, make("span", "who", one.name), way);
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const { from, to, at, clocks } = data.lanes;
  const slider = parentElement.querySelector("input");
  const watch = parentElement.querySelector(".watch");
  const hand = parentElement.querySelector(".lanes");
  const tell = (moment, chosen) => {
    const airline = hhmm(airlineAt(clocks, moment), data.clock.zone);
    const clock = new Date(moment * 1000).toLocaleTimeString("en-GB");
    slider.setAttribute("aria-valuetext", `airline ${airline}, ${clock} on your watch`);
    watch.replaceChildren(
      make("span", "board", airline),
      make("span", "", chosen ? `${clock} on your watch, ${wallAge(to - moment)} ago` : "now"),
    );
    hand.style.setProperty("--at", `${((moment - from) / Math.max(to - from, 1)) * 100}%`);
  };
  slider.min = from;
  slider.max = to;
  if (!slider.dataset.held) {
    slider.value = at ?? to;
    tell(at ?? to, at !== null);
  }
  slider.oninput = () => {
    slider.dataset.held = "yes";
    tell(Number(slider.value), true);
  };
  slider.onchange = () => {
    delete slider.dataset.held;
    setTriggerValue("at", Number(slider.value));
  };
  return live(component, {
    said: (parts, ticking) => [line(parts, "", ticking)],
    lanes: (shown) => shown.lanes.map((one) => lane(one, shown.from, shown.to)),
    ends: (ends) => (ends ?? []).map((one) => make("span", "quiet", one)),
  });
}
