// The page's heading, for screen readers; with it comes the page's own style sheet.
export default function ({ data, parentElement }) {
  parentElement.querySelector("h1").textContent = data.title;
}
