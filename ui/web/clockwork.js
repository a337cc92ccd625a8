// Shared by all components: ages that tick in the browser, and memory that survives redraws.
// The formats are those of ui/ages.py. Nothing here makes HTML of text: textContent only.

const KEEP = new WeakMap();
const three = (value, unit) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;

function wallAge(seconds) {
  const s = Math.max(0, seconds);
  if (s < 0.9995) return `${(s * 1000).toFixed(0)} ms`;
  if (s < 90) return three(s, "s");
  if (s < 5400) return three(s / 60, "min");
  if (s < 86400) return three(s / 3600, "h");
  return three(s / 86400, "d");
}

function airlineAge(seconds) {
  const s = Math.max(0, seconds);
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 36000) {
    const minutes = Math.floor(s / 60);
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  }
  if (s < 172800) return `${(s / 3600).toFixed(1)} h`;
  return three(s / 86400, "d");
}

function airlineNow(clock, wall) {
  if (clock.paused) return clock.airline;
  const passed = Math.max(0, wall - clock.wall) * clock.factor;
  return Math.min(clock.airline + passed, clock.holds);
}

function hhmm(seconds, zone) {
  const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  return new Intl.DateTimeFormat("en-GB", form).format(new Date(seconds * 1000));
}

// What a part shows now. `t` says which kind it is, `at` is seconds since 1970 of the clock it names.
function shown(part, clock, wall) {
  const airline = airlineNow(clock, wall);
  switch (part.t) {
    case "clock": return hhmm(airline, clock.zone);
    case "since": return wallAge(wall - part.at);
    case "since_airline": return airlineAge(airline - part.at);
    case "until": {
      if (part.at > clock.holds) return "by hand only"; // the days are over before
      if (clock.paused) return "when the clock runs";
      const left = (part.at - airline) / clock.factor;
      return left > 0 ? `in ${wallAge(Math.max(left, 1))}` : "now";
    }
    case "until_airline": return airlineAge(part.at - airline);
    default: return part.v;
  }
}

function make(tag, name, ...inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside.filter((one) => one !== null && one !== undefined));
  return element;
}

// A line of parts; the ones that tick are added to `ticking`.
function line(parts, name, ticking) {
  const element = make("span", name);
  for (const part of parts ?? []) {
    const classes = [part.c ?? "", part.t && part.t.endsWith("airline") ? "board" : ""].join(" ").trim();
    const span = make("span", classes, String(part.t ? "" : part.v));
    if (part.title) span.title = part.title;
    if (part.t) ticking.push({ part, span });
    element.append(span);
  }
  return element;
}

// One instance of a component. `draw(data, ticking)` gives {section: () => [nodes]}; a section is
// drawn again only when its own data changed, so that hover, selection and scroll stay.
function live(component, sections) {
  const { data, parentElement } = component;
  let mine = KEEP.get(parentElement);
  if (!mine) {
    mine = { drawn: {}, ticking: {}, skew: null, sent: null };
    mine.tick = () => {
      const wall = mine.clock.stopped ?? Date.now() / 1000 + (mine.skew ?? 0);
      for (const { part, span } of Object.values(mine.ticking).flat()) {
        const text = shown(part, mine.clock, wall);
        if (span.textContent !== text) span.textContent = text;
      }
    };
    mine.timer = setInterval(mine.tick, 200);
    KEEP.set(parentElement, mine);
  }
  mine.clock = data.clock;
  if (mine.sent !== data.clock.sent) {
    // Another computer's clock may be minutes off; a fraction of a second is the way of the message.
    const off = data.clock.sent - Date.now() / 1000;
    mine.skew = Math.abs(off) > 2 ? off : 0;
    mine.sent = data.clock.sent;
  }
  for (const [name, draw] of Object.entries(sections)) {
    const of = JSON.stringify(data[name] ?? null);
    if (mine.drawn[name] === of) continue;
    mine.drawn[name] = of;
    mine.ticking[name] = [];
    const place = parentElement.querySelector(`[data-part="${name}"]`);
    place.replaceChildren(...draw(data[name], mine.ticking[name]));
  }
  mine.tick();
  return () => {
    clearInterval(mine.timer);
    KEEP.delete(parentElement);
  };
}
