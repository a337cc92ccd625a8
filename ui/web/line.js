// A line of text in which times tick.
export default function (component) {
  return live(component, { parts: (parts, ticking) => [line(parts, "", ticking)] });
}
