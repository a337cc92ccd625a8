// A Plotly figure that is drawn once and then only updated: hover, zoom and legend stay.
// plotly.js comes from this server (static/), copied from the plotly wheel.

function plotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  window.airlinePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("app/static/plotly.min.js", document.baseURI).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.min.js is not served: restart the app"));
    document.head.append(script);
  });
  return window.airlinePlotly;
}

// Colours in a figure may be theme tokens, var(--st-…): Plotly draws SVG attributes and needs values.
function resolved(value, style) {
  if (typeof value === "string") {
    return value.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  }
  if (Array.isArray(value)) return value.map((one) => resolved(one, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolved(v, style)]));
  }
  return value;
}

const LEAST_PX = 240; // a phone has length, not width: labels stand aslant there
const HEAD_PX = 44; // the head, and the panel's own padding

// Type and margins as big as the rest of the page: see page.css.
function sized(value, factor, name = "") {
  if (typeof value === "number") return ["size", "l", "r", "t", "b"].includes(name) ? value * factor : value;
  if (Array.isArray(value)) return value.map((one) => sized(one, factor));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, sized(v, factor, k)]));
  }
  return value;
}

export default function (component) {
  const { data, parentElement } = component;
  const place = parentElement.querySelector(".chart");
  parentElement.querySelector(".title").textContent = data.title;
  parentElement.querySelector(".note").textContent = data.note;
  const style = getComputedStyle(place);
  const factor = Number(style.getPropertyValue("--airline-type")) || 1;
  const least = window.innerWidth <= 700 ? LEAST_PX : 0;
  const height = Math.max(data.height, least) * factor;
  parentElement.querySelector(".airline-chart").style.height = `${height}px`;
  place.style.height = `${height - HEAD_PX * factor}px`;
  const layout = { ...sized(resolved(data.figure.layout, style), factor), autosize: true };
  const config = { displayModeBar: false, responsive: true, displaylogo: false };
  plotly()
    .then((Plotly) => Plotly.react(place, resolved(data.figure.data, style), layout, config))
    .catch((failed) => { place.textContent = failed.message; });
  return () => window.Plotly?.purge(place);
}
